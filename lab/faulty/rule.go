package faulty

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"time"
)

// Fault is one way to misbehave.
type Fault string

// The faults.
const (
	Answer500 Fault = "500"   // an error instead of the server
	TooMany   Fault = "429"   // with Retry-After
	Expired   Fault = "401"   // as for a token that has run out
	Reset     Fault = "reset" // the connection breaks before the server heard of it
	Lose      Fault = "lose"  // the server does it, and the connection breaks instead of an answer; a stream is a Reset
	Hang      Fault = "hang"  // no answer, until the client gives up or Obey
	Slow      Fault = "slow"  // the server is asked two seconds later
	Vanish    Fault = "gone"  // as Leave: this call and all that follow are refused, until Back
)

const (
	slowness   = 2 * time.Second
	retryAfter = 1 // seconds
)

// Rule is a fault and the calls that it happens to. Empty fields match every call.
type Rule struct {
	Verb      string // get, list, watch, create, update, patch, apply, delete, deletecollection or connect
	Resource  string // as in roles: "ingresses", "pods/portforward"
	Namespace string
	Name      string
	From      int  // the first of the calls that match, counted from 1; 0 is 1
	Times     int  // how many of them; 0: all that follow
	All       bool // once it took a call, it takes all calls, whatever they are
	Do        Fault

	seen int
}

// takes says whether the rule happens to a call. It counts those that match.
func (r *Rule) takes(c *Call) bool {
	for _, f := range [][2]string{{r.Verb, c.Verb}, {r.Resource, c.Resource}, {r.Namespace, c.Namespace}, {r.Name, c.Name}} {
		if f[0] != "" && f[0] != f[1] {
			return false
		}
	}
	r.seen++
	first := max(r.From, 1)
	yes := r.seen >= first && (r.Times == 0 || r.seen < first+r.Times)
	if yes && r.All {
		*r = Rule{Do: r.Do}
	}
	return yes
}

// Obey replaces the rules; the first one that takes a call wins. No rule: it is an honest proxy. What hangs now ends.
func (p *Proxy) Obey(rules ...Rule) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rules = nil
	for _, r := range rules {
		r.seen = 0
		p.rules = append(p.rules, &r)
	}
	close(p.let)
	p.let = make(chan struct{})
}

// ServeHTTP notes a call and does to it what the rules say.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	call := read(r)
	fault, let := p.note(call)
	r = about(r, call)
	switch fault {
	case Answer500:
		fail(w, http.StatusInternalServerError, "InternalError", "Internal error occurred")
	case TooMany:
		w.Header().Set("Retry-After", strconv.Itoa(retryAfter))
		fail(w, http.StatusTooManyRequests, "TooManyRequests", "too many requests, please try again later")
	case Expired:
		fail(w, http.StatusUnauthorized, "Unauthorized", "Unauthorized")
	case Reset:
		resetOf(r)
		panic(http.ErrAbortHandler)
	case Lose:
		if call.Verb != "watch" && call.Verb != "connect" { // they have no end to wait for
			p.upstream.ServeHTTP(httptest.NewRecorder(), r)
		}
		resetOf(r)
		panic(http.ErrAbortHandler)
	case Vanish:
		p.Leave()
		panic(http.ErrAbortHandler)
	case Hang:
		select {
		case <-r.Context().Done():
		case <-let:
		}
		panic(http.ErrAbortHandler)
	case Slow:
		select {
		case <-r.Context().Done():
			panic(http.ErrAbortHandler)
		case <-time.After(slowness):
		}
		p.upstream.ServeHTTP(w, r)
	default:
		p.upstream.ServeHTTP(w, r)
	}
}

// fail answers as an API server does.
func fail(w http.ResponseWriter, code int, reason, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_, _ = io.Copy(w, bytes.NewBufferString(`{"kind":"Status","apiVersion":"v1","status":"Failure","message":"`+message+`","reason":"`+
		reason+`","code":`+strconv.Itoa(code)+`}`))
}
