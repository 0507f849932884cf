// Package rfc2136 changes a zone by signed updates (RFC 2136, RFC 8945). Prerequisites, deletions and additions of all names
// travel in one message over TCP, so that a server makes all of it or nothing, and only if the zone still has what was seen.
// It must not say that a change is there: servers answer NOERROR to what they ignore. Its secret appears in no error.
package rfc2136

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"github.com/miekg/dns"

	"cutover.dev/cutover/pkg/fault"
	"cutover.dev/cutover/pkg/phase"
	"cutover.dev/cutover/pkg/zone"
)

const (
	patience  = 10 * time.Second // how long an update may take
	fudge     = 300              // seconds that clocks may differ, as RFC 8945 recommends
	signature = 512              // bytes that are kept free for the key's name and the signature
)

// Editor is a zone on one primary server. Make it with New.
type Editor struct {
	zone, server, key, algorithm, secret string

	By zone.Dialer // who talks to the server; nil: this process
}

// New makes an editor. server is host:port, key the name of a TSIG key, secret its base64. A missing or malformed secret is
// an error of Check and Swap alone: whoever only looks needs none.
func New(zoneName, server, key, algorithm, secret string) *Editor {
	return &Editor{zone: zoneName, server: server, key: dns.CanonicalName(key), algorithm: dns.Fqdn(algorithm), secret: secret}
}

// Abilities is zone.Editor's.
func (e *Editor) Abilities() zone.Abilities {
	a := zone.Abilities{CompareAndSwap: true, Atomic: true}
	if e.secret == "" {
		a.Guess = "CUTOVER_TSIG_SECRET is not set, and only a signed question could tell"
	}
	return a
}

// Get is zone.Editor's. It asks the server that takes the updates. Without a secret it goes by answers alone.
func (e *Editor) Get(ctx context.Context, names []string) (zone.Names, error) {
	if e.secret == "" {
		own, err := zone.Own(ctx, zone.Server{Addr: e.server, By: e.By}, e.zone, names)
		if err != nil {
			err = fmt.Errorf("read zone %s: %w", e.zone, err)
		}
		return own, err
	}
	answers, err := zone.Ask(ctx, zone.Server{Addr: e.server, By: e.By}, "tcp", names)
	if err != nil {
		return nil, fmt.Errorf("read zone %s: %w", e.zone, err)
	}
	out := zone.Names{}
	for _, name := range names {
		out[name] = answers[name].Sets
	}
	if err := e.withoutWildcards(ctx, out); err != nil {
		return nil, fmt.Errorf("read zone %s: %w", e.zone, err)
	}
	return out, nil
}

// Swap is zone.Editor's.
func (e *Editor) Swap(ctx context.Context, changes []zone.Change) error {
	if len(changes) == 0 {
		return errors.New("nothing to change")
	}
	m := e.message()
	for _, c := range changes {
		if err := prerequisites(m, c); err != nil {
			return err
		}
	}
	for _, c := range changes {
		if err := updates(m, c); err != nil {
			return err
		}
	}
	if m.Len()+signature > dns.MaxMsgSize {
		return zone.ErrTooLarge
	}
	doing := fmt.Sprintf("change %d names in zone %s", len(changes), e.zone)
	answer, err := e.send(ctx, m, doing)
	if err != nil {
		return err
	}
	switch answer.Rcode {
	case dns.RcodeSuccess:
		return nil
	case dns.RcodeNXRrset, dns.RcodeYXRrset, dns.RcodeNameError, dns.RcodeYXDomain:
		return fmt.Errorf("%s: %w", doing, phase.ErrMoved)
	}
	return e.refusal(doing, answer)
}

// Check is zone.Editor's: an update that only asks whether the zone has a SOA record.
func (e *Editor) Check(ctx context.Context) error {
	m := e.message()
	m.RRsetUsed([]dns.RR{empty(e.zone, dns.TypeSOA)})
	doing := "try the key on zone " + e.zone
	answer, err := e.send(ctx, m, doing)
	if err != nil {
		return err
	}
	if answer.Rcode != dns.RcodeSuccess {
		return e.refusal(doing, answer)
	}
	return nil
}

func (e *Editor) message() *dns.Msg {
	m := new(dns.Msg)
	m.SetUpdate(dns.Fqdn(e.zone))
	m.Compress = true
	return m
}

// send signs and sends. An answer that is not signed by the same key is an error, whatever it says.
func (e *Editor) send(ctx context.Context, m *dns.Msg, doing string) (*dns.Msg, error) {
	if e.secret == "" {
		return nil, fault.New(fault.Usage, "the base64 of the TSIG key "+e.key, "%s: CUTOVER_TSIG_SECRET is not set", doing)
	}
	if _, err := base64.StdEncoding.DecodeString(e.secret); err != nil { // the error would show a part of it
		return nil, fault.New(fault.Usage, "the base64 of the TSIG key "+e.key, "%s: CUTOVER_TSIG_SECRET is no base64", doing)
	}
	m.SetTsig(e.key, e.algorithm, fudge, time.Now().Unix())
	return e.deliver(ctx, m, doing)
}

// deliver is send of a message with the time that its signature says.
func (e *Editor) deliver(ctx context.Context, m *dns.Msg, doing string) (*dns.Msg, error) {
	client := &dns.Client{Net: "tcp", Timeout: patience, TsigSecret: map[string]string{e.key: e.secret}}
	answer, err := e.exchange(ctx, client, m)
	if answer != nil && (answer.Rcode == dns.RcodeNotAuth || answer.Rcode == dns.RcodeRefused) {
		return answer, nil // a server that does not know the key cannot sign; nothing was written
	}
	if err != nil {
		return nil, fmt.Errorf("%s: ask %s: %w", doing, e.server, err)
	}
	if answer.IsTsig() == nil {
		return nil, fmt.Errorf("%s: the answer of %s is not signed, so nobody knows whose it is", doing, e.server)
	}
	return answer, nil
}

func (e *Editor) exchange(ctx context.Context, client *dns.Client, m *dns.Msg) (*dns.Msg, error) {
	if e.By == nil {
		answer, _, err := client.ExchangeContext(ctx, m, e.server)
		return answer, err
	}
	conn, err := zone.Through(ctx, e.By, client.Net, e.server, patience)
	if err != nil {
		return nil, err
	}
	defer conn.Close() //nolint:errcheck // the answer is all that is wanted of it
	answer, _, err := client.ExchangeWithConnContext(ctx, m, conn)
	return answer, err
}

// refusal is an answer that will not change by asking again. Nothing was written.
func (e *Editor) refusal(doing string, answer *dns.Msg) error {
	why := dns.RcodeToString[answer.Rcode]
	hint := "the key's name, algorithm and secret have to be the server's, its policy has to let the key change " + fmt.Sprint(zone.Types) +
		", and the clocks of both may differ by 5 minutes" // PowerDNS does not tell which of them it is
	if t := answer.IsTsig(); t != nil && t.Error != dns.RcodeSuccess {
		why = dns.RcodeToString[int(t.Error)]
		if t.Error == dns.RcodeBadTime {
			hint = "the clocks of this machine and of the server differ by more than 5 minutes"
		}
	}
	return fault.New(fault.Refused, hint, "%s: the server %s refuses an update signed by key %s: %s", doing, e.server, e.key, why)
}

// prerequisites: each set is exactly what it was, and the others are not there.
func prerequisites(m *dns.Msg, c zone.Change) error {
	for _, kind := range zone.Types {
		s, had := zone.Typed(c.Was, kind)
		if !had {
			m.RRsetNotUsed([]dns.RR{empty(c.Name, dns.StringToType[kind])})
			continue
		}
		records, err := zone.Records(s)
		if err != nil {
			return err
		}
		m.Used(records)
	}
	if _, alias := zone.Typed(c.Want, "CNAME"); alias {
		for _, kind := range zone.Beside {
			m.RRsetNotUsed([]dns.RR{empty(c.Name, kind)})
		}
	}
	return nil
}

// updates deletes what differs before it adds: a CNAME beside anything would be ignored. A set whose TTL alone changes is
// deleted too, since Knot keeps the old TTL else.
func updates(m *dns.Msg, c zone.Change) error {
	var added []dns.RR
	for _, kind := range zone.Types {
		was, had := zone.Typed(c.Was, kind)
		want, has := zone.Typed(c.Want, kind)
		if had == has && zone.Same([]zone.Set{was}, []zone.Set{want}) {
			continue
		}
		if had {
			m.RemoveRRset([]dns.RR{empty(c.Name, dns.StringToType[kind])})
		}
		if has {
			records, err := zone.Records(want)
			if err != nil {
				return err
			}
			added = append(added, records...)
		}
	}
	m.Insert(added)
	return nil
}

func empty(name string, kind uint16) dns.RR {
	return &dns.ANY{Hdr: dns.RR_Header{Name: dns.Fqdn(name), Rrtype: kind}}
}

// withoutWildcards drops what a wildcard answers for a name. Prerequisites look at the zone itself, so an update without
// any change asks.
func (e *Editor) withoutWildcards(ctx context.Context, names zone.Names) error {
	stars, err := zone.Stars(ctx, zone.Server{Addr: e.server, By: e.By}, e.zone, names)
	if err != nil {
		return err
	}
	for name := range stars {
		sets := names[name]
		names[name] = nil
		for _, s := range sets {
			own, err := e.owns(ctx, name, s.Type)
			if err != nil {
				return err
			}
			if own {
				names[name] = append(names[name], s)
			}
		}
	}
	return nil
}

// owns asks whether the zone itself has a set.
func (e *Editor) owns(ctx context.Context, name, kind string) (bool, error) {
	m := e.message()
	m.RRsetUsed([]dns.RR{empty(name, dns.StringToType[kind])})
	doing := fmt.Sprintf("ask whether %s has a %s record of its own", name, kind)
	answer, err := e.send(ctx, m, doing)
	if err != nil {
		return false, err
	}
	switch answer.Rcode {
	case dns.RcodeSuccess:
		return true, nil
	case dns.RcodeNXRrset:
		return false, nil
	}
	return false, e.refusal(doing, answer)
}
