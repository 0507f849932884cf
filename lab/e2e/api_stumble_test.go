package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"cutover.dev/cutover/lab/audit"
	"cutover.dev/cutover/lab/faulty"
	"cutover.dev/cutover/lab/rehearse"
	"cutover.dev/cutover/lab/world"
)

// passingFaults are those after which the same call may succeed.
var passingFaults = []faulty.Fault{faulty.Answer500, faulty.TooMany, faulty.Reset, faulty.Lose, faulty.Slow, faulty.Hang}

const (
	mostMixtures = 6 // of passes over the phases: by then each kind of call has met every fault
	mostHangs    = 8 // in one run: each costs the time that the tool has for a request
)

// mixedWave is the wave that goes there and back: with it moves each kind of object that there is in the demo, most of them twice.
const mixedWave = "migrate/mixed"

// mixedPlan is calm, since API servers are what is slow, with a lock that outlives being taken slowly and then a renewal that hangs,
// and that wave.
var mixedPlan = slices.Concat(calm, []string{
	"ttl: 30s", "ttl: 24s", "ready: 2m", "ready: 1m",
	"    - name: shop\n      workloads:\n        - shop/Deployment/web\n",
	"    - name: mixed\n      workloads:\n        - shop/Deployment/live\n        - blog/Deployment/reports\n        - blog/Deployment/comments\n" +
		"        - {ref: blog/CronJob/digest, exclusive: true}\n        - {ref: blog/CronJob/newsletter, exclusive: true}\n" +
		"    - name: shop\n      workloads:\n        - shop/Deployment/web\n",
	"    - name: live\n      workloads:\n        - shop/Deployment/live\n        - blog/Deployment/reports\n", "",
	"        - blog/Deployment/comments\n", "",
	"        - {ref: blog/CronJob/digest, exclusive: true}\n        - {ref: blog/CronJob/newsletter, exclusive: true}\n", "",
})

// stumbles runs phases there and back while calls of every kind that there is meet every fault in turn. The tool has to get over
// each. It ends when none is owed any more, and wants every kind of call that the tool has a right to to have been among them.
func (f *faults) stumbles(t *testing.T, before map[string]rehearse.Snapshot) {
	f.under(t, "mixed", mixedPlan, func() {
		s := &stumble{faults: f, turns: faulty.NewTurns(passingFaults...)}
		for i := 0; i < mostMixtures && (i == 0 || len(s.turns.Owed()) > 0); i++ {
			t.Run(fmt.Sprint("mixture ", i+1), func(t *testing.T) {
				s.mixture(t)
				f.asBefore(t, before)
			})
			if t.Failed() {
				return
			}
		}
		t.Run("every kind of call met every fault", s.complete)
	})
}

// stumble is what calls met so far.
type stumble struct {
	*faults
	turns *faulty.Turns
	uses  audit.Uses // Allowed are the calls that met a fault, Denied those of which none did
}

func (s *stumble) mixture(t *testing.T) {
	s.unlocked(t)
	run := func(verb string, args ...string) {
		t.Helper()
		s.obey()
		s.turns.Begin(mostHangs)
		s.deal(s.turns)
		defer func() {
			if t.Failed() {
				t.Logf("%s %v met %s", verb, args, s.said())
			}
		}()
		got := s.exits(t, 0, verb, args...)
		s.deal(nil)
		s.doubled(t)
		s.note()
		if strings.Contains(string(got.Stderr), "not given back") {
			t.Errorf("the lock was not given back:\n%s", got.Stderr)
		}
		t.Logf("%s %v: %.1f s; %s", verb, args, got.Took.Seconds(), s.said())
	}
	s.through(t, func() {
		run("apply", "--phase", "proxy")
		s.divert(t)
		run("apply", "--phase", "proxy", "--repair", "proxy")
		run("apply", "--phase", "routes")
		run("apply", "--phase", mixedWave)
		run("rollback", "--to", "routes")
		run("rollback", "--to", "proxy")
		run("rollback", "--phase", "proxy")
	})
}

func (f *faults) deal(turns *faulty.Turns) {
	for _, p := range f.at {
		p.Deal(turns)
	}
}

// unlocked takes the lock away, so that one has to be made again.
func (s *stumble) unlocked(t *testing.T) {
	t.Helper()
	if l := s.lease(t); l != nil {
		err := s.client(t, world.New).CoordinationV1().Leases(l.Namespace).Delete(t.Context(), l.Name, metav1.DeleteOptions{})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// divert leads all that the proxy phase made in a namespace of new elsewhere, so that it has to be applied again.
func (s *stumble) divert(t *testing.T) {
	t.Helper()
	s.drift(t)
	c, elsewhere := s.client(t, world.New), []byte(`[{"op": "replace", "path": "/spec/ports/0/targetPort", "value": 8081}]`)
	_, err := c.CoreV1().Services(loneSpace).Patch(t.Context(), "cutover-proxy", types.JSONPatchType, elsewhere, metav1.PatchOptions{})
	if err != nil {
		t.Fatal(err)
	}
	elsewhere = []byte(`[{"op": "replace", "path": "/ports/0/port", "value": 8081}]`)
	_, err = c.DiscoveryV1().EndpointSlices(loneSpace).Patch(t.Context(), "cutover-proxy-1", types.JSONPatchType, elsewhere, metav1.PatchOptions{})
	if err != nil {
		t.Fatal(err)
	}
}

// note remembers which kinds of call met a fault, and which were made and met none, as rights of the tool.
func (s *stumble) note() {
	if s.uses.Allowed == nil {
		s.uses = audit.Uses{Allowed: map[audit.Right]int{}, Denied: map[audit.Right]int{}}
	}
	for name, p := range s.at {
		for _, c := range p.Calls() {
			r := rightOf(name, c.Verb, c.Resource)
			switch {
			case c.Fault != "":
				s.uses.Allowed[r]++
				delete(s.uses.Denied, r)
			case s.uses.Allowed[r] == 0:
				s.uses.Denied[r]++
			}
		}
	}
}

// rightOf is a kind of call as a right, wherever in the cluster.
func rightOf(cluster, verb, resource string) audit.Right {
	switch verb {
	case "apply":
		verb = "patch"
	case "connect":
		verb = "get"
	}
	return audit.Right{Cluster: cluster, User: "run", Verb: verb, Resource: resource}
}

// applied are the kinds of call by which the tool sets right what drifted. As a right they cannot be told from a patch.
var applied = []string{"apply endpointslices", "apply ingresses", "apply services"}

// complete wants every call that was made to have met a fault, and each kind of call every one; and every right of the tool to have
// been used for one of these calls, or the reason why none is made here.
func (s *stumble) complete(t *testing.T) {
	for _, owed := range s.turns.Owed() {
		t.Errorf("never met: %s", owed)
	}
	met := s.turns.Met()
	for _, kind := range applied {
		if !slices.Contains(met, kind) {
			t.Errorf("no call met a fault that was: %s", kind)
		}
	}
	granted, err := rehearse.Granted(t.Context(), s.tool)
	if err != nil {
		t.Fatal(err)
	}
	var kinds []audit.Right
	for _, r := range granted {
		if r.User == "run" {
			kinds = append(kinds, rightOf(r.Cluster, r.Verb, r.Resource))
		}
	}
	for _, wrong := range audit.Compare(kinds, s.uses, rehearse.Excuses("run")) {
		t.Errorf("by the proxies' logs, where used means that it met a fault, and denied that it met none: %s", wrong)
	}
	t.Logf("%d kinds of call met faults, counted by cluster", len(s.uses.Allowed))
}

// said lists the calls that met a fault, for people.
func (f *faults) said() string {
	var out []string
	for name, p := range f.at {
		for _, c := range p.Calls() {
			if c.Fault != "" {
				out = append(out, fmt.Sprintf("%s: %s", name, c))
			}
		}
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}
