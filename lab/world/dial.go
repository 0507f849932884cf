package world

import (
	"context"
	"fmt"
	"net"
	"os"
	"runtime"
	"syscall"
)

// setns is the number of the system call of that name; package syscall has no wrapper.
var setns = map[string]uintptr{"amd64": 308, "arm64": 268}[runtime.GOARCH]

// cloneNewNet is CLONE_NEWNET of <sched.h>: a network namespace.
const cloneNewNet = 0x40000000

// Dial connects from inside one of the lab's network namespaces, for addresses that only exist
// there, such as the loopback. It needs root. The deadline of the context applies.
func Dial(ctx context.Context, space, network, address string) (net.Conn, error) {
	var conn net.Conn
	err := Inside(space, func() (err error) {
		conn, err = dial(ctx, network, address)
		return err
	})
	return conn, err
}

// Inside calls f on a thread of its own inside one of the lab's network namespaces. What f opens stays there. It needs root.
func Inside(space string, f func() error) error {
	file, err := os.Open(NetFile(space))
	if err != nil {
		return fmt.Errorf("enter %s: %w", space, err)
	}
	defer file.Close()
	done := make(chan error, 1)
	go func() {
		// The thread changes its namespace and is never used for anything else: without
		// UnlockOSThread it ends with the goroutine.
		runtime.LockOSThread()
		if _, _, errno := syscall.RawSyscall(setns, file.Fd(), cloneNewNet, 0); errno != 0 {
			done <- fmt.Errorf("enter %s: %w", space, errno)
			return
		}
		done <- f()
	}()
	return <-done
}

// dial must stay on the calling thread: an IP literal needs no resolver, and without the race
// of two address families a net.Dialer dials where it is called.
func dial(ctx context.Context, network, address string) (net.Conn, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil || net.ParseIP(host) == nil {
		return nil, fmt.Errorf("dial %s: not an address", address)
	}
	return (&net.Dialer{FallbackDelay: -1}).DialContext(ctx, network, address)
}
