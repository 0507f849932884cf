// Command act is `make act`: it runs the repository's own workflow in real containers against the lab, one phase per job,
// while clients use the lab. It judges by what a user of the workflow sees: jobs, outputs, summaries, logs, and by the
// clients' ledger. It changes the clusters only through the workflow, and always takes the lab down again.
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
	flag.IntVar(&s.Rate, "rate", 60, "requests a second of all clients together")
	flag.StringVar(&s.Out, "out", "out/act", "folder of the logs and the report, relative to the repository")
	limit := flag.Duration("limit", 40*time.Minute, "give up after that long (a cold cache takes half of it)")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	ctx, cancel := context.WithTimeoutCause(ctx, *limit, fmt.Errorf("not finished within %s (raise --limit)", *limit))
	defer cancel()
	if err := run(ctx, s); err != nil {
		fmt.Fprintln(os.Stderr, "act:", err)
		stop()
		cancel()
		os.Exit(1)
	}
}
