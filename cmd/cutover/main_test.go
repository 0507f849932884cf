package main

import (
	"context"
	"math"
	"os"
	"runtime/debug"
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

func TestMemoryIsLimitedUnlessTheRuntimeWasToldOtherwise(t *testing.T) {
	before := debug.SetMemoryLimit(-1)
	t.Cleanup(func() { debug.SetMemoryLimit(before) })
	for told, want := range map[string]int64{"": enough, "off": math.MaxInt64, "1GiB": math.MaxInt64} { // the runtime has read it already
		debug.SetMemoryLimit(math.MaxInt64)
		limit(told)
		if got := debug.SetMemoryLimit(-1); got != want {
			t.Errorf("GOMEMLIMIT=%s: %d, want %d", told, got, want)
		}
	}
}
