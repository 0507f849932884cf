// Command cutover moves a live environment from one Kubernetes cluster to another, one phase per run, from a committed
// plan. It only hands signals, arguments and the environment to package cli.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"cutover.dev/cutover/pkg/cli"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	context.AfterFunc(ctx, stop) // the first signal asks for a safe stop, the second one kills
	os.Exit(cli.Main(ctx, os.Args, os.Getenv, os.Stdin, os.Stdout, os.Stderr))
}
