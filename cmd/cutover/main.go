// Command cutover moves a live environment from one Kubernetes cluster to another, one phase per run, from a committed
// plan. It only hands signals, arguments and the environment to package cli.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"cutover.dev/cutover/pkg/cli"
)

func main() {
	ctx, stop := context.WithCancelCause(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	go func() {
		stop(fmt.Errorf("%s signal received", <-signals)) // the first asks for a safe stop
		os.Exit(killed(<-signals))                        // the second does not ask
	}()
	os.Exit(cli.Main(ctx, os.Args, os.Getenv, os.Stdin, os.Stdout, os.Stderr))
}

// killed is the exit code of a process that a signal has ended, as a shell gives it.
func killed(by os.Signal) int {
	n, _ := by.(syscall.Signal)
	return 128 + int(n)
}
