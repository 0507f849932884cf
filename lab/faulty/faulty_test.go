package faulty

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestWithoutARuleItPassesEverythingOn(t *testing.T) {
	_, s, c, url := start(t)
	status, body, err := ask(t.Context(), c, http.MethodPost, url+"/api/v1/namespaces/shop/configmaps", "{}")
	if err != nil || status != http.StatusOK || body != "Bearer hunter2" {
		t.Errorf("status %d, %q, %v", status, body, err)
	}
	if len(s.heard) != 1 || s.heard[0] != "POST /api/v1/namespaces/shop/configmaps {}" {
		t.Errorf("the server heard %q", s.heard)
	}
}

func TestEachFaultIsWhatItsNameSays(t *testing.T) {
	const path = "/apis/apps/v1/namespaces/shop/deployments/web"
	for _, c := range []struct {
		fault  Fault
		status int // 0: no answer
		heard  int
		err    error
	}{
		{Answer500, 500, 0, nil},
		{TooMany, 429, 0, nil},
		{Expired, 401, 0, nil},
		{Reset, 0, 0, syscall.ECONNRESET},
		{Lose, 0, 1, syscall.ECONNRESET},
		{Hang, 0, 0, context.DeadlineExceeded},
		{Slow, 200, 1, nil},
		{Vanish, 0, 0, nil},
	} {
		t.Run(string(c.fault), func(t *testing.T) {
			p, s, client, url := start(t)
			p.Obey(Rule{Do: c.fault, Times: 1})
			ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
			defer cancel()
			status, _, err := ask(ctx, client, http.MethodPut, url+path, "{}")
			// The kernel tells of a reset once: a client that was writing just then reads an end instead.
			named := c.err == nil || errors.Is(err, c.err) || c.err == syscall.ECONNRESET && errors.Is(err, io.ErrUnexpectedEOF)
			if status != c.status || s.times() != c.heard || (err == nil) != (c.status != 0) || !named {
				t.Errorf("status %d, the server heard %d, error %v", status, s.times(), err)
			}
			if calls := p.Calls(); len(calls) != 1 || calls[0].String() != "update deployments shop web ("+string(c.fault)+")" {
				t.Errorf("the log says %v", calls)
			}
		})
	}
}

func TestAWriteIsKeptUnlessTheServerSaidThatItIsNot(t *testing.T) {
	for name, c := range map[string]struct {
		method, body string
		fault        Fault
		code         int
		kept         bool
	}{
		"well":       {http.MethodPut, `{}`, "", http.StatusOK, true},
		"a conflict": {http.MethodPut, `{"metadata":{"name":"conflict"}}`, "", http.StatusConflict, false},
		"lost":       {http.MethodPut, `{}`, Lose, http.StatusOK, true},
		"unheard of": {http.MethodPut, `{}`, Reset, 0, true},
		"a look":     {http.MethodGet, ``, "", http.StatusOK, false},
	} {
		p, _, client, url := start(t)
		p.Obey(Rule{Do: c.fault})
		_, _, _ = ask(t.Context(), client, c.method, url+"/apis/apps/v1/namespaces/shop/deployments/web", c.body) // some have no answer
		if calls := p.Calls(); len(calls) != 1 || calls[0].Code != c.code || calls[0].Kept() != c.kept {
			t.Errorf("%s: %+v, kept: %v", name, calls, calls[0].Kept())
		}
	}
}

func TestOneThatIsGoneRefusesUntilItIsBack(t *testing.T) {
	p, s, c, url := start(t)
	p.Obey(Rule{Verb: "list", Times: 1, Do: Vanish})
	if _, _, err := ask(t.Context(), c, http.MethodGet, url+"/api/v1/pods", ""); err == nil {
		t.Fatal("it answered")
	}
	if _, _, err := ask(t.Context(), c, http.MethodGet, url+"/api/v1/pods", ""); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Fatalf("error %v", err)
	}
	if err := p.Back(); err != nil {
		t.Fatal(err)
	}
	if status, _, err := ask(t.Context(), c, http.MethodGet, url+"/api/v1/pods", ""); status != 200 || err != nil || s.times() != 1 {
		t.Errorf("status %d, %v, heard %d", status, err, s.times())
	}
}

func TestLeavingEndsOpenStreams(t *testing.T) {
	p, _, c, url := start(t)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/api/v1/pods?watch=1", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	event := make([]byte, 6)
	if _, err := io.ReadFull(resp.Body, event); err != nil || string(event) != "event\n" {
		t.Fatalf("the stream begins with %q, %v", event, err)
	}
	p.Leave()
	if _, err := io.ReadAll(resp.Body); err == nil {
		t.Error("the stream ended as if all had been said")
	}
}

func TestARuleTakesTheCallsItNames(t *testing.T) {
	p, _, c, url := start(t)
	p.Obey(Rule{Verb: "get", Resource: "services", Name: "web", From: 2, Times: 1, Do: Answer500}, Rule{Resource: "secrets", Do: TooMany})
	var got []int
	for _, path := range []string{"services/web", "services/api", "services/web", "services/web", "secrets/a", "secrets/a"} {
		status, _, err := ask(t.Context(), c, http.MethodGet, url+"/api/v1/namespaces/shop/"+path, "")
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, status)
	}
	if want := "[200 200 500 200 429 429]"; fmt.Sprint(got) != want {
		t.Errorf("answers are %v, want %s", got, want)
	}
}

func TestARuleForAllTakesEveryCallAfterItsFirst(t *testing.T) {
	p, _, c, url := start(t)
	p.Obey(Rule{Verb: "update", All: true, Do: Expired})
	var got []int
	for _, method := range []string{http.MethodGet, http.MethodPut, http.MethodGet, http.MethodDelete} {
		status, _, err := ask(t.Context(), c, method, url+"/api/v1/namespaces/shop/services/web", "{}")
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, status)
	}
	if want := "[200 401 401 401]"; fmt.Sprint(got) != want {
		t.Errorf("answers are %v, want %s", got, want)
	}
}

func TestAStreamThatIsLostEnds(t *testing.T) {
	p, _, c, url := start(t)
	p.Obey(Rule{Verb: "watch", Do: Lose})
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if _, _, err := ask(ctx, c, http.MethodGet, url+"/api/v1/pods?watch=1", ""); err == nil || ctx.Err() != nil {
		t.Errorf("error %v", err)
	}
}

func TestAnUpgradedConnectionPassesAndEndsWithTheProxy(t *testing.T) {
	upgraded := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		fmt.Fprint(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\nhello")
		_, _ = conn.Read(make([]byte, 1)) // until the other side is gone
	}))
	defer upgraded.Close()
	p, _, _, _ := start(t)
	target, roots := upgraded.URL, x509.NewCertPool()
	roots.AddCert(upgraded.Certificate())
	p.upstream = upstream(parse(t, target), roots, nil)
	conn, err := (&tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"http/1.1"}}}).DialContext(t.Context(), "tcp", p.address) //nolint:gosec // loopback
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprint(conn, "POST /api/v1/namespaces/shop/pods/web/portforward HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\n")
	said := make([]byte, 4096)
	text := ""
	for !strings.HasSuffix(text, "hello") {
		n, err := conn.Read(said)
		if err != nil {
			t.Fatalf("after %q: %v", text, err)
		}
		text += string(said[:n])
	}
	if calls := p.Calls(); len(calls) != 1 || calls[0].Verb != "connect" || calls[0].Resource != "pods/portforward" {
		t.Errorf("the log says %v", calls)
	}
	p.Leave()
	if err := conn.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Read(said); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the stream is still open: %v", err)
	}
}
