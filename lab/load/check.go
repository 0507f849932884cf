package load

import (
	"context"
	"crypto/x509"
	"io"
	"time"

	"cutover.dev/cutover/lab/load/ledger"
)

// Check asks one target once at entry e, on a fresh connection, outside of any running load: for a question such as
// "does new answer this host". A Session is opened and given one message.
func Check(ctx context.Context, roots *x509.CertPool, e Entry, t Target) ledger.Entry {
	o := Options{Roots: roots, Ledger: io.Discard}
	o.defaults()
	c := o.clients("check", e, nil)
	l := &Load{o: o, ledger: ledger.New(io.Discard), began: time.Now()}
	if t.Kind != Session {
		return request{target: t, id: l.id(), fresh: true}.send(ctx, c)
	}
	var last ledger.Entry
	s := &session{load: l, group: &group{ended: make(chan struct{})}, target: t, put: func(e ledger.Entry) { last = e }}
	close(s.group.ended) // talk stops after the first message
	if socket := s.open(ctx, c); socket != nil {
		s.talk(ctx, c, socket)
	}
	return last
}
