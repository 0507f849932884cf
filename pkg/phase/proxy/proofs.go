package proxy

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"

	"cutover.dev/cutover/pkg/ingress"
	"cutover.dev/cutover/pkg/phase"
	"cutover.dev/cutover/pkg/phase/parts"
	"cutover.dev/cutover/pkg/probe"
)

func proofs(d Deps, manifests []parts.Manifest, past phase.Past) []phase.Lane {
	var lanes []phase.Lane
	pace := parts.NewPace(d.Plan.Spec.Probe.Rate)
	for _, ns := range d.Plan.Spec.Namespaces {
		lanes = append(lanes, phase.Lane{keeperProof(d, ns, pace)})
	}
	return append(lanes, phase.Lane{plainProof(d, pace)}, phase.Lane{statusProof(d, manifests, past)})
}

// keeperProof: the keeper host of a namespace, at every address of new's entry, is answered by the echo in old by way of
// the bridge, and the echo was told who asked.
func keeperProof(d Deps, ns string, pace *parts.Pace) phase.Step {
	within := parts.Routes(d.Plan).Plus(probe.DefaultTimeout)
	return phase.Step{
		ID: "prove:keeper/" + ns, Title: "prove that new's entry reaches old through the bridge, namespace " + ns,
		Limit: within.Limit, Knob: within.Name, Intent: map[string]any{"marker": d.Plan.Spec.Bridge.Marker},
		Observe: func(ctx context.Context) (phase.Observation, error) {
			return ask(ctx, pace, d.KeeperTargets(ns), wayOf(d))
		},
	}
}

// toBridge is what helps where something answers, and not as it has to.
const toBridge = "see to the bridge, by its log and its settings; only where it, or new's entry, was changed just now does it help to raise windows.routes"

func ask(ctx context.Context, pace *parts.Pace, targets []probe.Target, w way) (phase.Observation, error) {
	for _, t := range targets {
		if err := pace.Wait(ctx); err != nil {
			return phase.Observation{}, err
		}
		var from string
		dial := t.Dial
		t.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
			conn, err := dial(ctx, network, addr)
			if err == nil {
				from, _, _ = net.SplitHostPort(conn.LocalAddr().String())
			}
			return conn, err
		}
		a := probe.Ask(ctx, t)
		if a.Class != probe.Answered {
			return phase.Observation{State: phase.Pending, Detail: t.Label() + " at " + t.Addr + ": " + a.Err.Error()}, nil
		}
		if why := passedOn(a, w, from); why != "" {
			why += meaning(a)
			return phase.Observation{State: phase.Pending, Detail: t.Label() + " at " + t.Addr + ": " + why, Hints: []string{toBridge}}, nil
		}
	}
	if len(targets) == 0 {
		return phase.Observation{State: phase.Failed, Detail: "new's entry has no address to ask"}, nil
	}
	return phase.Observation{State: phase.Done, Detail: fmt.Sprintf("%d addresses of new's entry answer through the bridge", len(targets))}, nil
}

// meaning says where to look for an answer that is none of the echo's. new's entry and the bridge may both have given it.
func meaning(a probe.Answer) string {
	switch {
	case a.Status == http.StatusNotFound:
		return ": new's entry, or the bridge behind it, has no route for this host; the bridge has to serve the Ingresses of old's class, on its plain port and without TLS of its own"
	case a.Status == http.StatusBadGateway, a.Status == http.StatusServiceUnavailable, a.Status == http.StatusGatewayTimeout:
		return ": new's entry gets no answer from the bridge, or the bridge none from its echo; see that its pods run, and that new reaches bridge.addresses"
	case a.Status == http.StatusUnauthorized, a.Status == http.StatusForbidden:
		return ": the bridge has to let new's entry in"
	case strings.HasPrefix(a.Location, "https:"):
		return " (to " + a.Location + "): the bridge has to serve plain HTTP, and not to redirect to TLS"
	}
	return ""
}

// heard is what the echo says of a request.
type heard struct {
	ForwardedProto string `json:"forwardedProto"`
	ForwardedFor   string `json:"forwardedFor"`
}

// way is what is known of the way that a keeper's request takes.
type way struct {
	marker    string
	addresses []string // of those it passes, none of which is a client
}

func wayOf(d Deps) way {
	s := d.Plan.Spec
	if s.Entry.New.From != "" { // a relay's pod may leave by the address of its node, which may be an entry's too
		return way{marker: s.Bridge.Marker}
	}
	all := slices.Concat(s.Entry.New.Addresses, s.Bridge.Addresses)
	if s.Tail != nil {
		all = append(all, s.Tail.Addresses...)
	}
	return way{s.Bridge.Marker, all}
}

// passedOn says what is wrong with an answer of the echo, "" if nothing. The echo was asked by plain HTTP, so that is what
// old has to be told. A bridge that does not believe new's headers replaces them by what it sees itself: new's address,
// and whoever is behind it may append its own.
func passedOn(a probe.Answer, w way, from string) string {
	var h heard
	switch {
	case a.Status != http.StatusOK:
		return fmt.Sprintf("status %d instead of 200", a.Status)
	case a.Via == "":
		return "the answer does not carry the header " + probe.HeaderVia + ", so it did not come through the bridge, or the bridge does not add it"
	case a.Via != w.marker:
		return fmt.Sprintf("%s is %q, bridge.marker is %q", probe.HeaderVia, a.Via, w.marker)
	case json.Unmarshal(a.Body, &h) != nil:
		return "the answer is not the echo's"
	case h.ForwardedFor == "":
		return "old is not told who asked: X-Forwarded-For is missing"
	case h.ForwardedProto == "":
		return "old is not told how it was asked: X-Forwarded-Proto is missing"
	case h.ForwardedProto != "http":
		return fmt.Sprintf("old is told that it was asked by %q, and it was by http: the bridge must pass on X-Forwarded-Proto as new sets it", h.ForwardedProto)
	}
	hops := strings.Split(h.ForwardedFor, ",")
	first := strings.TrimSpace(hops[0])
	client := net.ParseIP(first)
	switch {
	case sameIP(first, from):
		return ""
	case client == nil:
		return fmt.Sprintf("old takes %q for the client, which is no address: the bridge must pass on X-Forwarded-For as new sets it", first)
	case len(hops) > 1 && behindNAT(from) && !slices.ContainsFunc(w.addresses, func(s string) bool { return sameIP(s, first) }):
		return "" // new's list was gone on with, and whoever is private here may be somebody else there, behind NAT
	}
	return fmt.Sprintf("old takes %s for the client, not %s: the bridge must trust the forwarded headers of new, and new's entry must see the client's address", first, from)
}

// shared are the addresses of carriers' networks, RFC 6598.
var shared = net.IPNet{IP: net.IPv4(100, 64, 0, 0).To4(), Mask: net.CIDRMask(10, 32)}

// behindNAT: others may know this address by another one.
func behindNAT(address string) bool {
	ip := net.ParseIP(address)
	return ip.IsPrivate() || shared.Contains(ip)
}

func sameIP(a, b string) bool {
	x, y := net.ParseIP(a), net.ParseIP(b)
	return x != nil && y != nil && x.Equal(y)
}

// plainProof: the bridge speaks plain HTTP. That new's entry gets a marked answer from that port shows it; a TLS
// handshake that succeeds, where the prober can reach the bridge at all, shows the opposite.
func plainProof(d Deps, pace *parts.Pace) phase.Step {
	within := parts.Routes(d.Plan).Plus(probe.DefaultTimeout)
	return phase.Step{
		ID: "prove:plain", Title: "prove that the bridge does not end TLS", Limit: within.Limit, Knob: within.Name,
		Intent: map[string]any{"port": d.Plan.Spec.Bridge.Port},
		Observe: func(ctx context.Context) (phase.Observation, error) {
			if len(d.Plan.Spec.Namespaces) == 0 {
				return phase.Observation{State: phase.Failed, Detail: "there is no namespace to ask for"}, nil
			}
			host := ingress.Keeper(d.Plan.Spec.Namespaces[0], d.Plan.Metadata.Name)
			for _, addr := range parts.BridgeAddrs(d.Plan.Spec.Bridge) {
				if no := wantsTLS(ctx, d, addr, host); no != "" {
					return phase.Observation{State: phase.Failed, Detail: addr + " " + no + "; the bridge must serve plain HTTP, TLS ends at new's entry"}, nil
				}
			}
			o, err := ask(ctx, pace, d.KeeperTargets(d.Plan.Spec.Namespaces[0]), wayOf(d))
			if err == nil && o.State == phase.Done {
				o.Detail = "plain HTTP is answered with the marker"
			} else if err == nil && o.State == phase.Pending {
				o.Detail = "not shown without a marked answer: " + o.Detail
			}
			return o, err
		},
	}
}

// wantsTLS says in which way an address shows that it wants TLS: it complains about plain HTTP, or redirects to https. That
// it would accept a handshake too says nothing: Traefik does so on every port. An address that cannot be reached from
// here says nothing either; what new gets from it is asked by way of the keeper.
func wantsTLS(ctx context.Context, d Deps, addr, host string) string {
	t := parts.Target(addr, false, host, "/")
	t.Dial = d.Reach.From(phase.Old).DialContext
	a := probe.Ask(ctx, t)
	switch {
	case a.Class != probe.Answered:
		return ""
	case a.Status == http.StatusBadRequest:
		return "answers 400 to plain HTTP, as a TLS port does"
	case a.Status >= 300 && a.Status < 400 && strings.HasPrefix(a.Location, "https:"):
		return "redirects to " + a.Location
	}
	return ""
}
