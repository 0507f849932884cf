package probe

import (
	"bufio"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestEachWayToGetNoAnswerHasItsClass(t *testing.T) {
	ca, stranger := newAuthority(t), newAuthority(t)
	const year = 365 * 24 * time.Hour
	closed := serve(t, func(c net.Conn) { c.Close() })
	for name, c := range map[string]struct {
		addr string
		tls  bool
		want Class
		says string
	}{
		"nobody listens":         {nobody(t), false, Refused, "refused"},
		"closed without a word":  {closed, false, Reset, ""},
		"reset":                  {serve(t, abort), false, Reset, ""},
		"answer is cut off":      {serve(t, answer("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhi")), false, Reset, "cut off after status 200"},
		"chunks are cut off":     {serve(t, answer("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhi")), false, Reset, "cut off"},
		"no word at all":         {serve(t, func(c net.Conn) { io.Copy(io.Discard, c) }), false, Timeout, ""},
		"hangs in the middle":    {serve(t, stall), false, Timeout, "cut off after status 200"},
		"not HTTP":               {serve(t, answer("SSH-2.0-x\r\n")), false, Other, ""},
		"no TLS":                 {serve(t, plain), true, BadTLS, "handshake"},
		"handshake ends":         {closed, true, Reset, "handshake"},
		"handshake is refused":   {serve(t, func(c net.Conn) { tls.Server(c, &tls.Config{}).Handshake() }), true, BadTLS, "handshake"},
		"certificate of nobody":  {serve(t, secure(stranger.issue(-time.Hour, year, "shop.test"))), true, BadTLS, "not trusted"},
		"certificate too old":    {serve(t, secure(ca.issue(-year, -24*time.Hour, "shop.test"))), true, BadTLS, "expired on"},
		"certificate too young":  {serve(t, secure(ca.issue(48*time.Hour, year, "shop.test"))), true, BadTLS, "not valid before"},
		"certificate of another": {serve(t, secure(ca.issue(-time.Hour, year, "blog.test"))), true, BadTLS, "not for shop.test but for blog.test"},
	} {
		t.Run(name, func(t *testing.T) {
			target := Target{Addr: c.addr, TLS: c.tls, Host: "shop.test", Roots: ca.pool(), Timeout: 10 * time.Second}
			if c.want == Timeout {
				target.Timeout = 100 * time.Millisecond
			}
			a := Ask(t.Context(), target)
			if a.Class != c.want || a.Err == nil {
				t.Fatalf("class %q (%v), want %q", a.Class, a.Err, c.want)
			}
			mustContain(t, a.Err.Error(), "ask shop.test/ at "+c.addr, c.says)
		})
	}
}

func abort(c net.Conn) {
	io.ReadAtLeast(c, make([]byte, 1), 1)
	c.(*net.TCPConn).SetLinger(0)
	c.Close()
}

func plain(c net.Conn) {
	defer c.Close()
	io.WriteString(c, ok)
	io.Copy(io.Discard, c)
}

func stall(c net.Conn) {
	http.ReadRequest(bufio.NewReader(c)) // an answer that comes before its request is none
	io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhi")
	io.Copy(io.Discard, c)
}

func TestStoppingTheProberIsNoLoss(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	addr := serve(t, func(c net.Conn) { io.ReadAtLeast(c, make([]byte, 1), 1); cancel(); io.Copy(io.Discard, c) })
	if a := Ask(ctx, Target{Addr: addr, Host: "shop.test"}); a.Class != Stopped {
		t.Errorf("class %q (%v)", a.Class, a.Err)
	}
}

func TestAnAnswerTellsAllThatIsCompared(t *testing.T) {
	ca := newAuthority(t)
	var sni string
	var seen []*http.Request
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen = append(seen, r)
		h := w.Header()
		h.Add("Set-Cookie", "b=1")
		h.Add("Set-Cookie", "a=2; Path=/")
		h.Add("Set-Cookie", "b=3; Path=/x")
		h.Set("Content-Type", "Text/HTML; charset=utf-8")
		h.Set(HeaderVia, "m4rk")
		h.Set("Location", "/login?back="+url.QueryEscape(r.URL.String()))
		w.WriteHeader(http.StatusFound)
		io.WriteString(w, strings.Repeat("x", 100<<10))
	}))
	s.TLS = &tls.Config{
		Certificates:       []tls.Certificate{ca.issue(-time.Hour, 30*24*time.Hour, "shop.test", "*.shop.test")},
		GetConfigForClient: func(h *tls.ClientHelloInfo) (*tls.Config, error) { sni = h.ServerName; return nil, nil },
	}
	s.StartTLS()
	defer s.Close()
	a := Ask(t.Context(), Target{
		Addr: s.Listener.Addr().String(), TLS: true, Host: "shop.test", Path: "/a%2Fb?c=d", Roots: ca.pool(),
		Header: map[string]string{"X-Extra": "1"},
	})
	if a.Class != Answered || a.Err != nil {
		t.Fatalf("%q %v", a.Class, a.Err)
	}
	if a.Status != 302 || a.Via != "m4rk" || a.ContentType != "text/html" || !slices.Equal(a.Cookies, []string{"a", "b"}) || len(a.Body) != maxBody {
		t.Errorf("%d %q %q %v %d", a.Status, a.Via, a.ContentType, a.Cookies, len(a.Body))
	}
	if want := "https://shop.test/login?back=%2Fa%252Fb%3Fc%3Dd%26cutover-probe%3D*"; a.Location != want {
		t.Errorf("location %s, want %s", a.Location, want)
	}
	if sni != "shop.test" || len(seen) != 1 {
		t.Fatalf("server name %q, %d requests (a redirect must not be followed)", sni, len(seen))
	}
	r := seen[0]
	if r.Host != "shop.test" || r.URL.EscapedPath() != "/a%2Fb" || r.URL.Query().Get("c") != "d" || r.URL.Query().Get(Parameter) != a.ID ||
		r.Header.Get(HeaderProbe) != a.ID || r.UserAgent() != UserAgent || r.Header.Get("X-Extra") != "1" || r.Method != http.MethodGet {
		t.Errorf("asked %s %s %s %v", r.Method, r.Host, r.URL, r.Header)
	}
	if p := a.CertProblem("shop.test", 14*24*time.Hour); p != "" {
		t.Errorf("certificate: %s", p)
	}
	mustContain(t, a.CertProblem("shop.test", 60*24*time.Hour), "in less than 60 days")
	mustContain(t, a.CertProblem("x.y.shop.test", 0), "not for x.y.shop.test but for shop.test, *.shop.test")
	mustContain(t, Answer{}.CertProblem("shop.test", 0), "none was presented")
}

func TestEveryRequestHasAConnectionOfItsOwn(t *testing.T) {
	conns := make(chan string, 10)
	addr := serve(t, func(c net.Conn) { conns <- c.RemoteAddr().String(); answer(ok)(c) })
	target := Target{Addr: addr, Host: "shop.test"}
	a, b := Ask(t.Context(), target), Ask(t.Context(), target)
	if a.Err != nil || b.Err != nil {
		t.Fatal(a.Err, b.Err)
	}
	if first, second := <-conns, <-conns; first == second || a.ID == b.ID {
		t.Errorf("connections from %s and %s, IDs %s and %s", first, second, a.ID, b.ID)
	}
}

func TestAllThatIsWrongWithACertificateIsSaid(t *testing.T) {
	ca, stranger := newAuthority(t), newAuthority(t)
	addr := serve(t, secure(stranger.issue(-48*time.Hour, -time.Hour)))
	a := Ask(t.Context(), Target{Addr: addr, TLS: true, Host: "shop.test", Roots: ca.pool()})
	if a.Class != BadTLS || a.Status != 0 {
		t.Fatalf("class %q, status %d", a.Class, a.Status)
	}
	mustContain(t, a.CertProblem("shop.test", 0), "expired on", `no name (subject "leaf")`, `issuer "test authority" is not trusted`)
	if a.Cert == "" || a.NotAfter.IsZero() {
		t.Error("the bad certificate itself is not reported")
	}
}

func TestAnEventStreamIsAnswerEnough(t *testing.T) {
	addr := serve(t, func(c net.Conn) {
		http.ReadRequest(bufio.NewReader(c))
		io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n")
		io.Copy(io.Discard, c)
	})
	if a := Ask(t.Context(), Target{Addr: addr, Host: "shop.test", Timeout: 30 * time.Second}); a.Err != nil || a.Status != 200 {
		t.Errorf("%d %v", a.Status, a.Err)
	}
}

func TestLocationsAreComparedAsABrowserFollowsThem(t *testing.T) {
	target := Target{Addr: "10.0.0.1:8443", TLS: true, Host: "shop.test", Path: "/a/b?x=1"}
	for raw, want := range map[string]string{
		"":                            "",
		"/login":                      "https://shop.test/login",
		"c":                           "https://shop.test/a/c",
		"//SHOP.test/login":           "https://shop.test/login",
		"https://shop.test:443/login": "https://shop.test/login",
		"https://shop.test:8443/":     "https://shop.test/",
		"https://shop.test:9000/":     "https://shop.test:9000/",
		"http://shop.test/login":      "http://shop.test/login", // the scheme got lost: users notice
		"https://other.test/?q=ID":    "https://other.test/?q=*",
		"http://[::1":                 "http://[::1",
	} {
		if got := target.location(raw, "ID"); got != want {
			t.Errorf("%s became %s, want %s", raw, got, want)
		}
	}
}
