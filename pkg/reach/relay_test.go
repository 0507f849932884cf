package reach_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"

	"cutover.dev/cutover/pkg/fault"
	"cutover.dev/cutover/pkg/probe"
	"cutover.dev/cutover/pkg/reach"
)

const token = "TOKENTOKENTOKENTOKEN"

// road is a Way over the loopback that can be broken.
type road struct {
	addr    string
	fail    atomic.Int32 // so many streams break before the relay answers
	doubted atomic.Int32
	opened  atomic.Int32

	mu    sync.Mutex
	conns []net.Conn
}

func (w *road) Open(ctx context.Context) (net.Conn, error) {
	w.opened.Add(1)
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", w.addr)
	if err != nil {
		return nil, &reach.BrokenError{Err: err}
	}
	if w.fail.Add(-1) >= 0 {
		_ = conn.Close()
		ours, theirs := net.Pipe()
		_ = theirs.Close()
		return ours, nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.conns = append(w.conns, conn)
	return conn, nil
}

func (w *road) Doubt() { w.doubted.Add(1) }

// cut breaks every stream that is open.
func (w *road) cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.conns {
		_ = c.(*net.TCPConn).SetLinger(0)
		_ = c.Close()
	}
}

// relayed runs a relay on the loopback.
func relayed(t *testing.T, allow ...string) (*reach.Relay, *road) {
	t.Helper()
	s, err := reach.NewServer(reach.Hash(token), allow)
	if err != nil {
		t.Fatal(err)
	}
	listener := listen(t)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, listener) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	w := &road{addr: listener.Addr().String()}
	return reach.NewRelay("old", token, w), w
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

// destination serves each connection with one function, and says where.
func destination(t *testing.T, serve func(*net.TCPConn)) string {
	t.Helper()
	l := listen(t)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close() //nolint:errcheck // a test
				serve(conn.(*net.TCPConn))
			}()
		}
	}()
	return l.Addr().String()
}

func dial(t *testing.T, d reach.Dialer, network, addr string) net.Conn {
	t.Helper()
	conn, err := d.DialContext(t.Context(), network, addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	return conn
}

func TestBytesAndTheirEndsPassBothWays(t *testing.T) {
	at := destination(t, func(c *net.TCPConn) {
		all, err := io.ReadAll(c) // ends only if our end is passed on
		if err == nil {
			_, _ = c.Write(all)
		}
	})
	r, _ := relayed(t, "tcp/"+at)
	conn := dial(t, r, "tcp", at)
	sent := bytes.Repeat([]byte("0123456789abcdef"), 70_000) // larger than a frame and than any buffer
	go func() {
		_, _ = conn.Write(sent)
		_ = conn.(interface{ CloseWrite() error }).CloseWrite()
	}()
	got, err := io.ReadAll(conn)
	if err != nil || !bytes.Equal(got, sent) {
		t.Errorf("%d of %d bytes came back: %v", len(got), len(sent), err)
	}
	if local := conn.LocalAddr().String(); !strings.HasPrefix(local, "127.0.0.1:") || conn.RemoteAddr().String() != at {
		t.Errorf("from %s to %s", local, conn.RemoteAddr())
	}
}

// far is a way that takes its time.
type far struct{ *road }

func (w far) Open(ctx context.Context) (net.Conn, error) {
	time.Sleep(200 * time.Millisecond)
	return w.road.Open(ctx)
}

func TestHowLongAConnectionTakesIsSaidWithoutTheWayToTheRelay(t *testing.T) {
	at := destination(t, func(*net.TCPConn) {})
	_, way := relayed(t, "tcp/"+at, "tcp/127.0.0.1:1")
	r := reach.NewRelay("old", token, far{way})
	took, err := r.Took(t.Context(), at)
	if err != nil || took <= 0 || took >= 200*time.Millisecond {
		t.Errorf("%s %v", took, err)
	}
	_, err = r.DialContext(t.Context(), "tcp", "127.0.0.1:1")
	if _, again := r.Took(t.Context(), "127.0.0.1:1"); !errors.Is(again, syscall.ECONNREFUSED) || again.Error() != err.Error() {
		t.Errorf("nobody listens there: %v, and by a dial %v", again, err)
	}
	if _, err := r.Took(t.Context(), "127.0.0.1:2"); fault.CodeOf(err) != fault.Refused {
		t.Errorf("the plan does not name it: %v", err)
	}
	if took, err := (reach.Direct{}).Took(t.Context(), at); err != nil || took <= 0 {
		t.Errorf("from here: %s %v", took, err)
	}
}

func TestWhatThePlanDoesNotNameIsNotDialled(t *testing.T) {
	var came atomic.Bool
	at := destination(t, func(*net.TCPConn) { came.Store(true) })
	_, port, _ := net.SplitHostPort(at)
	r, w := relayed(t, "udp/"+at, "tcp/192.0.2.1:"+port)
	_, err := r.DialContext(t.Context(), "tcp", at)
	if fault.CodeOf(err) != fault.Refused || !strings.Contains(err.Error(), "the relay in old may not dial "+at) {
		t.Errorf("dial: %v", err)
	}
	if _, err := r.LookupHost(t.Context(), "localhost"); fault.CodeOf(err) != fault.Refused {
		t.Errorf("look up: %v", err)
	}
	if came.Load() || w.opened.Load() != 2 {
		t.Errorf("dialled: %v, asked %d times", came.Load(), w.opened.Load())
	}
}

func TestAWrongTokenOpensNothing(t *testing.T) {
	var came atomic.Bool
	at := destination(t, func(*net.TCPConn) { came.Store(true) })
	_, w := relayed(t, "tcp/"+at)
	for _, wrong := range []string{"", token[:19], token + "X", strings.ToLower(token), reach.Hash(token)} {
		_, err := reach.NewRelay("old", wrong, w).DialContext(t.Context(), "tcp", at)
		if fault.CodeOf(err) == fault.OK || errors.As(err, new(*net.OpError)) || wrong != "" && strings.Contains(err.Error(), wrong) {
			t.Errorf("%q: %v", wrong, err)
		}
	}
	if came.Load() {
		t.Error("the destination was dialled")
	}
}

func TestAServerWithoutAProperHashOrWithoutDestinationsIsRefused(t *testing.T) {
	for hash, allow := range map[string]string{"": "tcp/a.b:1", "abcd": "tcp/a.b:1", reach.Hash(token): "", reach.Hash("x"): "a.b:1", reach.Hash("y"): "tcp/a.b"} {
		if _, err := reach.NewServer(hash, strings.Fields(allow)); err == nil {
			t.Errorf("%q %q was taken", hash, allow)
		}
	}
}

func TestAWayThatBreaksBeforeTheAnswerIsTakenAgain(t *testing.T) {
	at := destination(t, func(c *net.TCPConn) { _, _ = io.WriteString(c, "hello") })
	r, w := relayed(t, "tcp/"+at)
	w.fail.Store(2)
	got, err := io.ReadAll(dial(t, r, "tcp", at))
	if err != nil || string(got) != "hello" || w.opened.Load() != 3 || w.doubted.Load() != 2 {
		t.Errorf("%q %v after %d streams, doubted %d times", got, err, w.opened.Load(), w.doubted.Load())
	}
	w.fail.Store(100)
	if _, err := r.DialContext(t.Context(), "tcp", at); !errors.As(err, new(*reach.BrokenError)) {
		t.Errorf("with no way at all: %v", err)
	}
}

func TestABrokenWayIsToldFromWhatTheDestinationDoes(t *testing.T) {
	hold := make(chan struct{})
	defer close(hold)
	quiet := destination(t, func(*net.TCPConn) { <-hold })
	ending := destination(t, func(*net.TCPConn) {})
	resetting := destination(t, func(c *net.TCPConn) { // not before it is heard of: the relay's own dial would end so
		_, _ = c.Read(make([]byte, 1))
		_ = c.SetLinger(0)
	})
	r, w := relayed(t, "tcp/"+quiet, "tcp/"+ending, "tcp/"+resetting)
	if _, err := io.ReadAll(dial(t, r, "tcp", ending)); err != nil {
		t.Errorf("a destination that ends: %v", err)
	}
	reset := dial(t, r, "tcp", resetting)
	_, err := reset.Write([]byte("x"))
	must(t, err)
	if _, err := io.ReadAll(reset); !errors.Is(err, syscall.ECONNRESET) || errors.As(err, new(*reach.BrokenError)) {
		t.Errorf("a destination that resets: %v", err)
	}
	conn := dial(t, r, "tcp", quiet)
	w.cut()
	if _, err := conn.Read(make([]byte, 1)); !errors.As(err, new(*reach.BrokenError)) {
		t.Errorf("a way that is cut: %v", err)
	}
	again := dial(t, r, "tcp", quiet)
	must(t, again.SetReadDeadline(time.Now().Add(-time.Second)))
	if _, err := again.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("a deadline: %v", err)
	}
	must(t, again.Close())
	if _, err := again.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
		t.Errorf("closed by us: %v", err)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestADestinationThatIsNotThereFailsAsItWouldFromHere(t *testing.T) {
	l := listen(t)
	at := l.Addr().String()
	must(t, l.Close())
	r, w := relayed(t, "tcp/"+at, "tcp/nobody.invalid:80")
	_, err := r.DialContext(t.Context(), "tcp", at)
	if !errors.Is(err, syscall.ECONNREFUSED) || probe.Classify(err) != probe.Refused || !strings.Contains(err.Error(), "from inside old") {
		t.Errorf("nobody listens: %v", err)
	}
	if w.opened.Load() != 1 {
		t.Errorf("what the destination answered was asked %d times", w.opened.Load())
	}
	if _, err := r.LookupHost(t.Context(), "nobody.invalid"); !errors.As(err, new(*net.DNSError)) {
		t.Errorf("a name that is not there: %v", err)
	}
	if got, err := r.LookupHost(t.Context(), "192.0.2.7"); err != nil || len(got) != 1 || got[0] != "192.0.2.7" {
		t.Errorf("an address: %v %v", got, err)
	}
}

func TestTheContextEndsADial(t *testing.T) {
	_, w := relayed(t, "tcp/192.0.2.1:80")
	silent := destination(t, func(c *net.TCPConn) { _, _ = io.ReadAll(c) })
	w.addr = silent
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		for w.opened.Load() == 0 {
			time.Sleep(time.Millisecond)
		}
		cancel()
	}()
	if _, err := reach.NewRelay("old", token, w).DialContext(ctx, "tcp", "192.0.2.1:80"); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

// bothPorts listens on one port by UDP and by TCP.
func bothPorts(t *testing.T) (net.PacketConn, net.Listener) {
	t.Helper()
	for range 50 {
		packets, err := new(net.ListenConfig).ListenPacket(t.Context(), "udp", "127.0.0.1:0")
		must(t, err)
		stream, err := new(net.ListenConfig).Listen(t.Context(), "tcp", packets.LocalAddr().String())
		if err == nil {
			return packets, stream
		}
		must(t, packets.Close())
	}
	t.Fatal("no port is free for both")
	return nil, nil
}

func TestDNSPassesOverTCPAndOverUDP(t *testing.T) {
	packets, stream := bothPorts(t)
	at := packets.LocalAddr().String()
	answer := dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		m := new(dns.Msg).SetReply(q)
		rr, _ := dns.NewRR(q.Question[0].Name + " 60 IN TXT " + w.RemoteAddr().Network())
		m.Answer = []dns.RR{rr}
		_ = w.WriteMsg(m)
	})
	for _, s := range []*dns.Server{{PacketConn: packets, Handler: answer}, {Listener: stream, Handler: answer}} {
		up := make(chan struct{})
		s.NotifyStartedFunc = func() { close(up) }
		go func() { _ = s.ActivateAndServe() }()
		<-up
		t.Cleanup(func() { _ = s.Shutdown() })
	}
	r, _ := relayed(t, "tcp/"+at, "udp/"+at)
	for _, network := range []string{"udp", "tcp"} {
		conn := &dns.Conn{Conn: dial(t, r, network, at)}
		for _, name := range []string{"one.test.", "two.test."} {
			got, _, err := (&dns.Client{Net: network}).ExchangeWithConn(new(dns.Msg).SetQuestion(name, dns.TypeTXT), conn)
			if err != nil || len(got.Answer) != 1 || got.Answer[0].(*dns.TXT).Txt[0] != network || got.Answer[0].Header().Name != name {
				t.Errorf("%s over %s: %v %v", name, network, got, err)
			}
		}
	}
}
