// Command cutover moves a live environment from one Kubernetes cluster to another, one phase per run, from a committed
// plan. It only hands signals, arguments and the environment to package cli.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"

	"cutover.dev/cutover/pkg/cli"
)

// apart is how long after the first signal another one counts: GNU timeout, for one, signals both its child and the
// group that the child is in, and means it once.
const apart = time.Second

// enough is the memory in bytes near which the garbage collector works harder, so that even thousands of Ingresses go into a
// container of 256 MiB with the program itself. What is in use may be more all the same.
const enough = 192 << 20

func main() {
	limit(os.Getenv("GOMEMLIMIT"))
	ctx, stop := context.WithCancelCause(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	go func() {
		os.Exit(killed(second(signals, stop)))
	}()
	os.Exit(cli.Main(ctx, os.Args, os.Getenv, os.Stdin, os.Stdout, os.Stderr))
}

// limit keeps to enough memory, unless the runtime was told otherwise: "off" is told, too.
func limit(told string) {
	if told == "" {
		debug.SetMemoryLimit(enough)
	}
}

// second asks for a safe stop at the first signal and returns the one that does not ask.
func second(signals <-chan os.Signal, stop context.CancelCauseFunc) os.Signal {
	first := <-signals
	at := time.Now()
	stop(fmt.Errorf("%s signal received", first))
	for {
		if by := <-signals; time.Since(at) >= apart {
			return by
		}
	}
}

// killed is the exit code of a process that a signal has ended, as a shell gives it.
func killed(by os.Signal) int {
	n, _ := by.(syscall.Signal)
	return 128 + int(n)
}
