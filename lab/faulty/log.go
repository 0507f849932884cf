package faulty

import (
	"context"
	"net/http"
	"time"
)

// note logs a call and finds the fault for it. let is closed when a call that hangs is to end.
func (p *Proxy) note(c *Call) (fault Fault, let chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, r := range p.rules {
		if r.takes(c) {
			c.Fault = r.Do
			break
		}
	}
	if c.Fault == "" && p.turns != nil {
		c.Fault = p.turns.next(p, c)
	}
	p.calls = append(p.calls, c)
	return c.Fault, p.let
}

type callKey struct{}

// about lets the answer to a request be noted with its call.
func about(r *http.Request, c *Call) *http.Request {
	return r.WithContext(context.WithValue(r.Context(), callKey{}, c))
}

// answered notes what the server said, before its client hears of it.
func (p *Proxy) answered(r *http.Response) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if c, ok := r.Request.Context().Value(callKey{}).(*Call); ok {
		c.Code = r.StatusCode
	}
	return nil
}

// Calls are all calls since the last Forget, in the order in which they arrived.
func (p *Proxy) Calls() []Call {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := make([]Call, len(p.calls))
	for i, c := range p.calls {
		out[i] = *c
	}
	return out
}

// Forget empties the log.
func (p *Proxy) Forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.calls = nil
}

// Doubled are the writes of a log that were sent again, word for word, within the time given, although nothing guards
// them and the first one may have been done. That is only safe after an answer that says that nothing was done (429), or
// none that a server could have given (gone).
func Doubled(calls []Call, within time.Duration) []Call {
	type key struct {
		verb, resource, namespace, name string
		sum                             [32]byte
	}
	last := map[key]Call{}
	var out []Call
	for _, c := range calls {
		if !c.Writes() || c.Guarded {
			continue
		}
		k := key{c.Verb, c.Resource, c.Namespace, c.Name, c.sum}
		if before, again := last[k]; again && before.Fault != TooMany && before.Fault != Vanish && c.At.Sub(before.At) < within {
			out = append(out, c)
		}
		last[k] = c
	}
	return out
}
