// Command demo is `make demo`: it brings the lab up, puts clients on it, lets the built tool move everything phase by
// phase as CI jobs would, and counts what the clients lost. It judges by the clients' ledger alone, and it always takes
// the lab down again.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	var s settings
	flag.IntVar(&s.Rate, "rate", 140, "requests a second of all clients together")
	flag.IntVar(&s.Least, "least", 15000, "requests that have to be sent")
	flag.StringVar(&s.Plan, "plan", "plans/demo.yaml", "the plan, relative to the repository")
	flag.StringVar(&s.Out, "out", "out/demo", "folder of the report, relative to the repository")
	flag.BoolVar(&s.Keep, "keep", false, "leave the lab up at the end")
	flag.BoolVar(&s.Up, "up", true, "bring the lab up; false: it is up already")
	limit := flag.Duration("limit", 40*time.Minute, "give up after that long (a cold cache takes half of it)")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	ctx, cancel := context.WithTimeoutCause(ctx, *limit, fmt.Errorf("not finished within %s (raise --limit)", *limit))
	defer cancel()
	if err := run(ctx, s); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		stop()
		cancel()
		os.Exit(1)
	}
}
