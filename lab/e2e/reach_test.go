package e2e

import (
	"fmt"
	"strings"
	"syscall"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"cutover.dev/cutover/lab/rehearse"
	"cutover.dev/cutover/lab/world"
)

// relaySpace is where the relays of the plan are.
const relaySpace = "cutover-relay"

// relayed is small, with relays: each entry is asked from the other side. The lab's API servers and the relays share its two cores with everything else, so probes are few.
var relayed = append(but(small, "rate: 40"), rehearse.Relayed...)

// One lab, so one test: each part starts where the one before it ended.
func TestARunnerThatReachesTwoAPIServersAndNothingElseMovesByRelays(t *testing.T) {
	lengthy(t)
	wanted(t)
	r := start(t, setting{out: "reach", plan: relayed, database: true})
	r.tool.Net = world.NetRunner
	r.part(t, "the runner reaches the API servers and nothing else", func(t *testing.T, r *rig) { runnerReaches(t) })
	r.part(t, "without relays nothing can be told of the replica set", func(t *testing.T, r *rig) {
		r.withoutRelays(t, "3 could not tell", "plan", "--phase", "join")
	})
	r.part(t, "with relays members join", func(t *testing.T, r *rig) { r.well(t, "apply", "--phase", "join") })
	r.part(t, "no relay is left", relaysGone)
	r.part(t, "a relay of a run that was killed goes with the next one", relayOfTheDead)
	r.part(t, "with relays the wire is laid, and every route is proved", func(t *testing.T, r *rig) {
		for _, phase := range []string{"proxy", "routes"} {
			r.well(t, "plan", "--phase", phase)
			r.well(t, "apply", "--phase", phase)
		}
		r.well(t, "verify")
		r.withoutRelays(t, "unreachable", "verify", "--phase", "routes")
	})
	r.part(t, "with relays workloads move, watched, and come back", func(t *testing.T, r *rig) {
		r.well(t, "apply", "--phase", "migrate/first")
		r.well(t, "rollback", "--phase", "migrate/first")
	})
	r.part(t, "all of it is taken back, and no relay is left", func(t *testing.T, r *rig) {
		r.well(t, "rollback", "--phase", "routes")
		r.well(t, "rollback", "--phase", "proxy")
		r.well(t, "rollback", "--phase", "join")
		relaysGone(t, r)
	})
}

// runnerReaches: what the rest shows is worth nothing if the namespace leaks.
func runnerReaches(t *testing.T) {
	t.Helper()
	for _, c := range world.Clusters() {
		for _, at := range []string{c.Entry + ":443", fmt.Sprintf("%s:%d", c.Inner, world.InnerPort), c.Mongods[0] + ":27017"} {
			if conn, err := world.Dial(t.Context(), world.NetRunner, "tcp", at); err == nil {
				_ = conn.Close()
				t.Errorf("the runner reaches %s", at)
			}
		}
		conn, err := world.Dial(t.Context(), world.NetRunner, "tcp", c.Node+":6443")
		if err != nil {
			t.Errorf("the runner does not reach the API server of %s: %v", c.Name, err)
			continue
		}
		_ = conn.Close()
	}
}

// withoutRelays only looks: a run would ask again and again until its time is over.
func (r *rig) withoutRelays(t *testing.T, says, verb string, args ...string) {
	t.Helper()
	r.under(t, "direct-"+verb, small, func() {
		got := r.verb(t, verb, args...)
		if got.Code == 0 && verb != "plan" || !strings.Contains(string(got.Stderr)+string(got.Stdout), says) {
			t.Errorf("%s without relays ended with %d, and says nowhere %q:\n%s", verb, got.Code, says, got.Stderr)
		}
	})
}

// relays are the pods that there are, in both clusters.
func (r *rig) relays(t *testing.T) (all []string) {
	t.Helper()
	for _, c := range world.Clusters() {
		pods, err := r.client(t, c).CoreV1().Pods(relaySpace).List(t.Context(), metav1.ListOptions{})
		if err != nil {
			t.Fatal(err)
		}
		for i := range pods.Items {
			p := &pods.Items[i]
			all = append(all, c.Name+"/"+p.Name+" "+string(p.Status.Phase))
			secretive(t, p)
		}
	}
	return all
}

// secretive wants a pod that shows nobody a token, and that holds none of the cluster's.
func secretive(t *testing.T, p *corev1.Pod) {
	t.Helper()
	for _, v := range p.Spec.Volumes {
		t.Errorf("relay %s has a volume: %+v", p.Name, v)
	}
	if p.Spec.AutomountServiceAccountToken == nil || *p.Spec.AutomountServiceAccountToken {
		t.Errorf("relay %s is given the token of a ServiceAccount", p.Name)
	}
}

func relaysGone(t *testing.T, r *rig) {
	r.until(t, "no relay is left", settled, func() error {
		if left := r.relays(t); len(left) > 0 {
			return fmt.Errorf("there are %s", strings.Join(left, ", "))
		}
		return nil
	})
}

func relayOfTheDead(t *testing.T, r *rig) {
	q := r.begin(t, r.tool, syscall.SIGKILL, func(rehearse.Line) bool { return true }, verbLine(r.tool, "apply", "--phase", "proxy")...)
	q.end(t, hang)
	left := r.relays(t)
	if len(left) != 2 {
		t.Errorf("after a kill there are %q, want one relay in each cluster", left)
	}
	t.Logf("left by the dead: %s", strings.Join(left, ", "))
}
