package main

import (
	"context"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

func TestASignalThatIsSentTwiceAsksOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancelCause(t.Context())
		signals, killing := make(chan os.Signal, 2), make(chan os.Signal, 1)
		go func() { killing <- second(signals, stop) }()
		signals <- syscall.SIGTERM
		signals <- syscall.SIGTERM
		time.Sleep(apart / 2)
		signals <- syscall.SIGTERM
		synctest.Wait()
		if ctx.Err() == nil {
			t.Error("the first did not ask for a stop")
		}
		select {
		case by := <-killing:
			t.Fatalf("%s ended it in the middle", by)
		default:
		}
		time.Sleep(apart / 2)
		signals <- syscall.SIGHUP
		if by := <-killing; by != syscall.SIGHUP {
			t.Errorf("%s ended it", by)
		}
	})
}
