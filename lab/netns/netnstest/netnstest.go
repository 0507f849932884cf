// Package netnstest gives tests networks of their own, which are none of the lab's: they run beside one that is up.
package netnstest

import (
	"context"
	"io"
	"net"
	"os"
	"os/exec"
	"testing"

	"cutover.dev/cutover/lab/netns"
	"cutover.dev/cutover/lab/world"
)

// Make makes networks with nothing in them, until the test ends. It skips the test where it is not run as root.
func Make(t *testing.T, spaces ...string) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("network namespaces need root")
	}
	for _, space := range spaces {
		_ = exec.Command("ip", "netns", "delete", space).Run() // of a test that was killed
		if said, err := exec.CommandContext(t.Context(), "ip", "netns", "add", space).CombinedOutput(); err != nil {
			t.Fatalf("make the network %s: %v: %s", space, err, said)
		}
		t.Cleanup(func() {
			_ = exec.Command("ip", "netns", "delete", space).Run()
			_ = netns.Tidy(context.WithoutCancel(t.Context()))
		})
	}
}

// Echo sends back what comes to an address in a network, until the test ends.
func Echo(t *testing.T, space, address string) {
	t.Helper()
	var l net.Listener
	err := world.Inside(space, func() (err error) {
		l, err = net.Listen("tcp", address)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				_, _ = io.Copy(conn, conn)
			}()
		}
	}()
}
