package load

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// nameserver answers every name with one address, which the test may change.
func nameserver(t *testing.T, first string) (*net.Resolver, *atomic.Pointer[string]) {
	t.Helper()
	leads := &atomic.Pointer[string]{}
	leads.Store(&first)
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	go func() {
		for b := make([]byte, 512); ; {
			n, from, err := conn.ReadFrom(b)
			if err != nil {
				return
			}
			var m dnsmessage.Message
			if m.Unpack(b[:n]) != nil || len(m.Questions) != 1 {
				continue
			}
			m.Header.Response, m.Header.RecursionAvailable, m.Additionals = true, true, nil
			m.Answers = []dnsmessage.Resource{{
				Header: dnsmessage.ResourceHeader{Name: m.Questions[0].Name, Class: dnsmessage.ClassINET},
				Body:   &dnsmessage.AResource{A: [4]byte(net.ParseIP(*leads.Load()).To4())},
			}}
			if answer, err := m.Pack(); err == nil {
				_, _ = conn.WriteTo(answer, from)
			}
		}
	}()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", conn.LocalAddr().String())
	}}, leads
}

// places serves "old" at 127.0.0.1 and "new" at 127.0.0.2, at one port.
func places(t *testing.T) (*httptest.Server, string) {
	t.Helper()
	for range 20 {
		old := httptest.NewUnstartedServer(good("old"))
		_, port, _ := net.SplitHostPort(old.Listener.Addr().String())
		listener, err := net.Listen("tcp", net.JoinHostPort("127.0.0.2", port))
		if err != nil { // somebody has that port there
			old.Close()
			continue
		}
		current := &httptest.Server{Listener: listener, Config: &http.Server{Handler: good("new"), ReadHeaderTimeout: time.Minute}}
		old.StartTLS()
		current.StartTLS()
		t.Cleanup(old.Close)
		t.Cleanup(current.Close)
		return old, port
	}
	t.Fatal("no port is free at both addresses")
	return nil, ""
}

func TestClientsGoWhereTheirResolverSaysOnceTheyAskIt(t *testing.T) {
	server, port := places(t)
	resolver, leads := nameserver(t, "127.0.0.1")
	at := func(lifetime time.Duration) *Names {
		return &Names{
			Resolver: resolver, Port: port, Places: map[string]string{"127.0.0.1": "old", "127.0.0.2": "new"},
			Lifetime: lifetime, Once: lifetime == 0,
		}
	}
	var file strings.Builder
	l, err := Start(t.Context(), Options{
		Targets: []Target{plain}, Roots: roots(server), Ledger: &file,
		Groups: []Group{{Name: "followers", Names: at(50 * time.Millisecond), Rate: 25}, {Name: "keepers", Names: at(0), Kept: true, Rate: 25}},
	})
	if err != nil {
		t.Fatal(err)
	}
	until(t, "both groups ask", func() bool {
		g := l.Counters().ByGroup
		return g["followers"].ByEntry["old"] > 10 && g["keepers"].ByEntry["old"] > 10
	})
	before := l.Counters().ByGroup["followers"].ByEntry["old"]
	moved := "127.0.0.2"
	leads.Store(&moved)
	until(t, "who asks again goes to new", func() bool { return l.Counters().ByGroup["followers"].ByEntry["new"] > 10 })
	until(t, "nobody of them still goes to old, while the others do", func() bool {
		before := l.Counters().ByGroup
		time.Sleep(500 * time.Millisecond)
		after := l.Counters().ByGroup
		return after["followers"].ByEntry["old"] == before["followers"].ByEntry["old"] && after["followers"].ByEntry["new"] > before["followers"].ByEntry["new"] &&
			after["keepers"].ByEntry["old"] > before["keepers"].ByEntry["old"]
	})
	c, err := l.Stop()
	if err != nil || c.Lost > 0 {
		t.Errorf("lost %d: %v, %v", c.Lost, c.Bad, err)
	}
	if late := c.ByGroup["followers"].ByEntry["old"] - before; late > 40 { // connections that nobody uses for that long end by themselves
		t.Errorf("who asks again sent %d more requests to old", late)
	}
	if g := c.ByGroup["keepers"]; g.ByEntry["new"] > 0 || g.ByEntry["old"] != g.Sent {
		t.Errorf("who asked once asked again: %v", g)
	}
}

func TestANameThatLeadsNowhereIsALoss(t *testing.T) {
	refused := &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		return nil, io.ErrUnexpectedEOF
	}}
	o := Options{}
	o.defaults()
	e := (request{target: plain}).send(t.Context(), o.clients("g", Entry{Name: "nowhere"}, &Names{Resolver: refused, Port: "443"}))
	if !e.Class.Lost() || e.Entry != "nowhere" {
		t.Errorf("it ended as %+v", e)
	}
}
