package mongotest

import (
	"errors"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"
)

// across is a connection over one direction of a link: what is written into near comes out of far.
func across(t *testing.T, w *way) (near, far net.Conn) {
	t.Helper()
	near, in := net.Pipe()
	out, far := net.Pipe()
	l := &Link{ctx: t.Context()}
	go l.carry(out, in, w)
	t.Cleanup(func() { _ = errors.Join(near.Close(), in.Close(), out.Close(), far.Close()) })
	return near, far
}

func TestNothingArrivesOverALinkThatIsCutAndAllOfItAfterwards(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w way
		w.mend()
		near, far := across(t, &w)
		w.cut()
		w.cut() // it is cut already
		go func() { _, _ = near.Write([]byte("hello")) }()
		buffer := make([]byte, 16)
		_ = far.SetReadDeadline(time.Now().Add(time.Hour))
		if n, err := far.Read(buffer); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("%q arrives (%v)", buffer[:n], err)
		}
		_ = far.SetReadDeadline(time.Time{})
		w.mend()
		w.mend()
		if n, err := far.Read(buffer); err != nil || string(buffer[:n]) != "hello" {
			t.Errorf("%q arrives (%v)", buffer[:n], err)
		}
	})
}

func TestEverythingArrivesLaterOverALongLink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := way{longer: 5 * time.Millisecond}
		w.mend()
		near, far := across(t, &w)
		began, buffer := time.Now(), make([]byte, 16)
		go func() { _, _ = near.Write([]byte("hello")) }()
		if n, err := far.Read(buffer); err != nil || string(buffer[:n]) != "hello" || time.Since(began) != 5*time.Millisecond {
			t.Errorf("%q arrives after %s (%v)", buffer[:n], time.Since(began), err)
		}
	})
}

func TestOneDirectionIsCutAndTheOtherIsNot(t *testing.T) {
	var l Link
	l.ahead.mend()
	l.back.mend()
	for _, c := range []struct {
		w           Way
		ahead, back bool
	}{{Ahead, true, false}, {Back, false, true}, {Both, true, true}} {
		l.Cut(c.w)
		if l.ahead.shut != c.ahead || l.back.shut != c.back {
			t.Errorf("%d: ahead is cut: %v, back: %v", c.w, l.ahead.shut, l.back.shut)
		}
		l.Mend()
		if l.ahead.shut || l.back.shut {
			t.Errorf("%d: it stays cut", c.w)
		}
	}
}
