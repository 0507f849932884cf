package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"cutover.dev/cutover/lab/faulty"
	"cutover.dev/cutover/lab/rehearse"
	"cutover.dev/cutover/lab/world"
)

// kinds are the calls that the tool makes, as roles name them. A watch brings the first list, where servers can do that.
func kinds() []faulty.Rule {
	return []faulty.Rule{
		{Verb: "get", Resource: "namespaces"},
		{Verb: "get", Resource: "leases"},
		{Verb: "get", Resource: "ingresses"},
		{Verb: "get", Resource: "secrets"},
		{Verb: "list", Resource: "configmaps"},
		{Verb: "list", Resource: "ingresses"},
		{Verb: "list", Resource: "deployments"},
		{Verb: "watch", Resource: "ingresses"},
		{Verb: "watch", Resource: "services"},
		{Verb: "watch", Resource: "deployments"},
		{Verb: "create", Resource: "selfsubjectaccessreviews"},
		{Verb: "create", Resource: "services"},
		{Verb: "create", Resource: "endpointslices"},
		{Verb: "create", Resource: "deployments"},
		{Verb: "create", Resource: "ingresses"},
		{Verb: "create", Resource: "secrets"},
		{Verb: "apply", Resource: "ingresses"},
		{Verb: "patch", Resource: "ingresses"},
		{Verb: "patch", Resource: "deployments"},
		{Verb: "delete", Resource: "services"},
		{Verb: "delete", Resource: "ingresses"},
		{Verb: "delete", Resource: "deployments"},
		{Verb: "connect", Resource: "pods/portforward"},
		{Verb: "create", Resource: "configmaps", Namespace: world.SystemSpace},
		{Verb: "update", Resource: "configmaps", Namespace: world.SystemSpace},
		{Verb: "update", Resource: "leases", Namespace: world.SystemSpace},
		{Verb: "create", Resource: "serviceaccounts"},
		{Verb: "create", Resource: "networkpolicies"},
		{Verb: "create", Resource: "roles"},
		{Verb: "create", Resource: "rolebindings"},
		{Verb: "create", Resource: "poddisruptionbudgets"},
		{Verb: "delete", Resource: "rolebindings"},
		{Verb: "list", Resource: "resourcequotas"},
	}
}

// passingFaults are those after which the same call may succeed.
var passingFaults = []faulty.Fault{faulty.Answer500, faulty.TooMany, faulty.Reset, faulty.Lose, faulty.Slow, faulty.Hang}

// mixed gives the first call of each kind a fault of its own. shift is where the faults begin: over len(passingFaults)
// shifts every kind meets every fault.
func mixed(shift int) []faulty.Rule {
	rules := kinds()
	for i := range rules {
		rules[i].Times, rules[i].Do = 1, passingFaults[(i+shift)%len(passingFaults)]
	}
	return rules
}

// stumbles runs phases there and back while the first call of every kind meets a fault. The tool has to get over each.
func (f *faults) stumbles(t *testing.T, before map[string]rehearse.Snapshot) {
	for shift := range passingFaults {
		t.Run(fmt.Sprint("mixture ", shift+1), func(t *testing.T) {
			f.stumble(t, mixed(shift))
			f.asBefore(t, before)
		})
	}
}

func (f *faults) stumble(t *testing.T, rules []faulty.Rule) {
	hit := map[string]bool{}
	run := func(verb string, args ...string) {
		t.Helper()
		f.obey(rules...)
		got := f.exits(t, 0, verb, args...)
		f.doubled(t)
		f.note(hit)
		if strings.Contains(string(got.Stderr), "not given back") {
			t.Errorf("the lock was not given back:\n%s", got.Stderr)
		}
		t.Logf("%s %v: %.1f s; %s", verb, args, got.Took.Seconds(), f.said())
	}
	f.through(t, func() {
		run("apply", "--phase", "proxy")
		f.drift(t)
		run("apply", "--phase", "proxy", "--repair", "proxy")
		run("apply", "--phase", "routes")
		run("apply", "--phase", loneWave)
		run("rollback", "--to", "routes")
		run("rollback", "--to", "proxy")
		run("rollback", "--phase", "proxy")
		f.obey()
	})
	for _, k := range kinds() {
		if !hit[k.Verb+" "+k.Resource] {
			t.Errorf("no call of this kind met a fault: %s %s", k.Verb, k.Resource)
		}
	}
}

// note remembers which kinds of call met a fault.
func (f *faults) note(hit map[string]bool) {
	for _, p := range f.at {
		for _, c := range p.Calls() {
			if c.Fault != "" {
				hit[c.Verb+" "+c.Resource] = true
			}
		}
	}
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
