package proxy

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	discoveryv1 "k8s.io/api/discovery/v1"

	"cutover.dev/cutover/pkg/engine"
	"cutover.dev/cutover/pkg/journal"
	"cutover.dev/cutover/pkg/kube"
	"cutover.dev/cutover/pkg/phase"
	"cutover.dev/cutover/pkg/phase/phasetest"
	"cutover.dev/cutover/pkg/reach"
)

// rotating is a network in which a host name leads to other addresses each time that it is looked up.
type rotating struct {
	reach.Direct
	turns [][]string
	asked atomic.Int32
}

func (r *rotating) LookupHost(_ context.Context, host string) ([]string, error) {
	if host != "bridge.old.internal" {
		return nil, errors.New("nobody asked for " + host)
	}
	return r.turns[int(r.asked.Add(1)-1)%len(r.turns)], nil
}

// named is the phase for a bridge that has a name instead of addresses.
type named struct {
	phasetest.World
	Deps
	name  *rotating
	store journal.Memory
}

func byHostname(t *testing.T) *named {
	t.Helper()
	n := &named{name: &rotating{}}
	n.World, n.Deps = living(t)
	n.Plan.Spec.Bridge.Addresses, n.Plan.Spec.Bridge.Hostname, n.Plan.Spec.Bridge.Manifests = nil, "bridge.old.internal", ""
	n.Plan.Spec.Tail, n.Reach.New = nil, n.name
	return n
}

// leads lets the name lead there from now on.
func (n *named) leads(turns ...[]string) { n.name.turns = turns; n.name.asked.Store(0) }

// phase is that of another process.
func (n *named) phase() phase.Phase { return phasetest.Without(New(n.Deps), "prove:plain") }

func (n *named) engine() *engine.Engine {
	return &engine.Engine{Store: &n.store, Run: "test", Poll: 20 * time.Millisecond}
}

// written are the addresses in new.
func (n *named) written(t *testing.T) (all string) {
	t.Helper()
	u, err := n.New.Read(t.Context(), kube.EndpointSlice, "shop", "cutover-proxy-1")
	if err != nil {
		t.Fatal(err)
	}
	slice, err := kube.As[discoveryv1.EndpointSlice](u)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range slice.Endpoints {
		all += strings.Join(e.Addresses, " ") + " "
	}
	return strings.TrimSpace(all)
}

func TestABridgeWhoseNameRotatesIsRefusedBeforeAnythingIsWritten(t *testing.T) {
	n := byHostname(t)
	for what, turns := range map[string][][]string{
		"one of two each time":    {{"10.1.1.1"}, {"10.1.1.2"}},
		"some of many each time":  {{"10.1.1.1", "10.1.1.2"}, {"10.1.1.2", "10.1.1.3"}, {"10.1.1.3", "10.1.1.1"}},
		"another one for each":    {{"10.1.1.1"}, {"10.1.1.2"}, {"10.1.1.3"}, {"10.1.1.4"}},
		"back after it was equal": {{"10.1.1.1"}, {"10.1.1.2"}, {"10.1.1.1"}},
	} {
		n.leads(turns...)
		before := n.Writes()
		r, err := n.engine().Apply(t.Context(), n.phase(), engine.Options{})
		if !errors.Is(err, engine.ErrNo) || r.Begun || n.Writes() != before {
			t.Errorf("%s: begun %t, %d writes, %v", what, r.Begun, n.Writes()-before, err)
		}
		if err == nil || !strings.Contains(err.Error(), "bridge.old.internal leads elsewhere each time that it is asked for: to "+strings.Join(turns[0], " and ")+", then to ") {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestABridgeWhoseNameMovedIsNamedAndRepairedAndComesBack(t *testing.T) {
	n := byHostname(t)
	untouched := n.State()
	n.leads([]string{"10.1.1.2", "10.1.1.1"}, []string{"10.1.1.1", "10.1.1.2"}) // another order is the same
	lines, _, err := n.engine().Plan(t.Context(), n.phase())
	for _, l := range lines {
		if strings.Contains(l.Seen.Detail, "leads to") {
			t.Errorf("nothing is there yet, so nothing moved: %s: %s", l.Step.ID, l.Seen.Detail)
		}
	}
	if len(lines) == 0 {
		t.Error(err)
	}
	for range 2 {
		if _, err := n.engine().Apply(t.Context(), n.phase(), engine.Options{}); err != nil {
			t.Fatal(err)
		}
	}
	if got := n.written(t); got != "10.1.1.1 10.1.1.2" {
		t.Errorf("new leads to %s", got)
	}
	n.leads([]string{"10.1.1.3"})
	before := n.Writes()
	err = n.engine().Holds(t.Context(), []phase.Phase{n.phase()}) // what a later phase asks first
	if !errors.Is(err, engine.ErrNo) || !strings.Contains(err.Error(), "bridge.old.internal leads to 10.1.1.3") {
		t.Errorf("a later phase: %v", err)
	}
	if _, err := n.engine().Apply(t.Context(), n.phase(), engine.Options{}); !errors.Is(err, engine.ErrNo) || n.Writes() != before {
		t.Errorf("without being told to repair it: %d writes, %v", n.Writes()-before, err)
	}
	if _, err := n.engine().Apply(t.Context(), n.phase(), engine.Options{Repair: true}); err != nil || n.written(t) != "10.1.1.3" {
		t.Errorf("repaired: new leads to %s, %v", n.written(t), err)
	}
	if err := n.engine().Holds(t.Context(), []phase.Phase{n.phase()}); err != nil {
		t.Error(err)
	}
	n.leads([]string{"10.1.1.3"}, []string{"10.1.1.4"}) // who goes back asks nobody where it leads
	if _, err := n.engine().Rollback(t.Context(), n.phase()); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(untouched, n.State()); d != "" {
		t.Errorf("after the way back: %s", d)
	}
}
