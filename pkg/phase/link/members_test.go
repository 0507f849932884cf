package link

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"sync/atomic"
	"syscall"
	"testing"

	"cutover.dev/cutover/pkg/inventory"
	"cutover.dev/cutover/pkg/phase"
	"cutover.dev/cutover/pkg/plan"
	"cutover.dev/cutover/pkg/reach"
	"cutover.dev/cutover/pkg/replset"
	"cutover.dev/cutover/pkg/replset/mongotest"
)

// apart is a survey of a plan for a set of two old members and a new one, with a network for each side.
func apart(t *testing.T) (s *survey, old, next *network, hosts []string) {
	t.Helper()
	rig := mongotest.Start(t, 3)
	hosts = rig.Hosts(0, 3)
	rig.Initiate(hosts[:2]...)
	set, err := replset.Open(replset.Options{URI: rig.URI(hosts[0]), Also: hosts[2:]})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { set.Close(context.WithoutCancel(t.Context())) })
	p := &plan.Plan{Metadata: plan.Metadata{Name: "demo"}}
	p.Spec.MongoDB = &plan.MongoDB{New: hosts[2:]}
	old, next = &network{}, &network{}
	for _, h := range hosts {
		old.put(h, h)
		next.put(h, h)
	}
	return newSurvey(Deps{Plan: p, Inventory: &inventory.Inventory{}, Mongo: set, Reach: reach.Sides{Old: old, New: next}}), old, next, hosts
}

func TestMembersAreTheSameProcessesFromBothSides(t *testing.T) {
	s, _, next, hosts := apart(t)
	paths, err := s.oldMembers(t.Context())
	if err != nil || len(paths) != 2 { // the URI names one, the set both
		t.Fatalf("%+v %v", paths, err)
	}
	for _, r := range s.toMembers(t.Context(), phase.New, paths) {
		if r.State != Open || !r.Large {
			t.Errorf("%+v", r)
		}
	}
	next.put(hosts[0], hosts[1]) // a name that means something else there
	next.put(hosts[1], errors.New("something"))
	rows := s.toMembers(t.Context(), phase.New, paths)
	states := map[string]string{}
	for _, r := range rows {
		states[r.To] = r.State
	}
	if states[hosts[0]] != Another || states[hosts[1]] != Unsure {
		t.Errorf("%+v", rows)
	}
	next.put(hosts[1], hosts[1])
	next.put(hosts[0], behaves(t, func(c net.Conn) { upTo(c, hosts[0], largeToMember) }))
	for _, r := range s.toMembers(t.Context(), phase.New, paths) {
		if want := map[bool]string{true: Unsure, false: Open}[r.To == hosts[0]]; r.State != want {
			t.Errorf("the way ends with the first large message: %+v, want %s", r, want)
		}
	}
	var came atomic.Int32
	next.put(hosts[0], behaves(t, func(c net.Conn) {
		if came.Add(1) <= attempts+1 { // the first one that the driver makes: what it says is lost
			_, _ = io.Copy(io.Discard, c)
			return
		}
		upTo(c, hosts[0], 1<<20)
	}))
	for _, r := range s.toMembers(t.Context(), phase.New, paths) {
		if r.State != Open || !r.Large {
			t.Errorf("the first connection was lost: %+v", r)
		}
	}
	next.put(hosts[0], served(t)) // no mongod
	for _, r := range s.toMembers(t.Context(), phase.New, paths) {
		if r.To == hosts[0] && (r.Holds() || r.State == Open) {
			t.Errorf("a web server is %+v", r)
		}
	}
}

// A load balancer is there before the members behind it, and either hangs up or is silent.
func TestNewMembersBehindALoadBalancerMayComeLater(t *testing.T) {
	t.Parallel()
	set, err := replset.Open(replset.Options{URI: "mongodb://127.0.0.1:1"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { set.Close(context.WithoutCancel(t.Context())) })
	n := &network{}
	n.put("10.0.0.1:27017", behaves(t, func(net.Conn) {}))
	n.put("10.0.0.2:27017", behaves(t, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) }))
	for by, want := range map[reach.Dialer]string{n: NoAnswer, resetting{n}: Unsure} {
		s := newSurvey(Deps{Plan: &plan.Plan{}, Inventory: &inventory.Inventory{}, Mongo: set, Reach: reach.Sides{Old: by}})
		for _, r := range s.toMembers(t.Context(), phase.Old, []Path{
			{What: NewMembers, From: phase.Old, To: "10.0.0.1:27017", Later: "mongodb.manifests"}, {What: NewMembers, From: phase.Old, To: "10.0.0.2:27017", Later: "mongodb.manifests"},
		}) {
			if r.State != want || r.Holds() != (want == NoAnswer) {
				t.Errorf("%+v, want %s", r, want)
			}
		}
	}
}

// resetting is a relay whose own way is cut once it has connected.
type resetting struct{ *network }

func (r resetting) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	conn, err := r.network.DialContext(ctx, network, addr)
	return reset{conn}, err
}

type reset struct{ net.Conn }

func (reset) Read([]byte) (int, error) { return 0, &reach.BrokenError{Err: syscall.ECONNRESET} }

// upTo passes on what goes both ways, and ends with the first message of so many bytes.
func upTo(client net.Conn, to string, most int) {
	server, err := net.Dial("tcp", to)
	if err != nil {
		return
	}
	defer server.Close()
	go func() {
		defer client.Close()
		_, _ = io.Copy(client, server)
	}()
	part := make([]byte, most)
	for {
		n, err := io.ReadAtLeast(client, part, 16)
		if err != nil || int(binary.LittleEndian.Uint32(part)) >= most {
			return
		}
		if _, err := server.Write(part[:n]); err != nil {
			return
		}
	}
}

func TestWithoutAURIItIsNotKnownWhereTheMembersAre(t *testing.T) {
	p := &plan.Plan{Metadata: plan.Metadata{Name: "demo"}}
	p.Spec.MongoDB = &plan.MongoDB{New: []string{"10.2.0.71:27017"}}
	s := newSurvey(Deps{Plan: p, Inventory: &inventory.Inventory{}})
	tbl := &table{rows: map[string][]Row{"new": s.toMembers(t.Context(), phase.Old, s.paths[len(s.paths)-1:])}}
	o, err := tbl.judge("new")
	if err != nil || o.State != phase.Failed {
		t.Errorf("%+v %v", o, err)
	}
	contains(t, o.Detail, "CUTOVER_MONGODB_URI is not set")
	if paths, err := s.oldMembers(t.Context()); err == nil {
		t.Errorf("%+v", paths)
	}
}
