package rehearse

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// Main is the main function of a program that plays something on a lab of its own: it parses the flags, those that the
// program defined before too, and runs it until it ends, a signal comes or its time is up. An error makes exit code 1.
func Main(name string, run func(context.Context) error) {
	limit := flag.Duration("limit", 40*time.Minute, "give up after that long (a cold cache takes half of it)")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	ctx, cancel := context.WithTimeoutCause(ctx, *limit, fmt.Errorf("not finished within %s (raise --limit)", *limit))
	defer cancel()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, name+":", err)
		stop()
		cancel()
		os.Exit(1)
	}
}
