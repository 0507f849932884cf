package e2e

import (
	"fmt"
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"cutover.dev/cutover/lab/load"
	"cutover.dev/cutover/lab/load/ledger"
	"cutover.dev/cutover/lab/rehearse"
	"cutover.dev/cutover/lab/world"
)

// What requests are lost of on purpose: in new, after everything has moved.
const (
	loserSpace, loser = "shop", "live"
	loserHost         = "live.shop.test"
	gone              = 2 * time.Second // how long the route leads to nobody
)

// small is a load of its own on the loser: the main ledger stays clean.
func (r *rig) small(t *testing.T, name, path string, perSecond int) *load.Load {
	t.Helper()
	roots, err := rehearse.Roots(r.world)
	if err != nil {
		t.Fatal(err)
	}
	l, err := load.Start(t.Context(), load.Options{
		Targets: []load.Target{{Host: loserHost, Path: path, Workload: loser, Kind: load.Plain, Weight: 1}},
		Groups:  []load.Group{{Name: name, Entry: rehearse.EntryOf(world.New), Rate: perSecond}},
		Roots:   roots, Ledger: r.file(t, name+".jsonl"),
	})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// nobody leads a moved host to a Service without endpoints for two seconds, and back.
func (r *rig) nobody(t *testing.T) {
	client, ctx := r.client(t, world.New), t.Context()
	empty := &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: loserSpace, Name: "nobody"},
		Spec:       corev1.ServiceSpec{Selector: map[string]string{"app": "nobody"}, Ports: []corev1.ServicePort{{Name: "http", Port: 80}}},
	}
	if _, err := client.CoreV1().Services(loserSpace).Create(ctx, empty, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	l := r.small(t, "nobody", "/", 50)
	pause(ctx, gone) // some good answers first: a load that loses everything would prove nothing
	if c := l.Counters(); c.Lost > 0 || c.Sent == 0 {
		t.Errorf("before the swap: sent %d, lost %d: %v", c.Sent, c.Lost, c.Bad)
	}
	r.point(t, loser, empty.Name)
	pause(ctx, gone)
	r.point(t, empty.Name, loser)
	r.until(t, "new answers every host again", settled, func() error { return r.answers(t, world.New, world.New) })
	c, err := l.Stop()
	if err != nil {
		t.Error(err)
	}
	if c.ByClass[ledger.Wrong] == 0 || c.Lost == 0 {
		t.Errorf("the route led to nobody for %s, and of %d requests none is counted as lost: %v", gone, c.Sent, c.ByClass)
	}
	if c.Lost == c.Sent {
		t.Errorf("all of %d requests are counted as lost", c.Sent)
	}
	t.Logf("sent %d, lost %d: %v", c.Sent, c.Lost, c.ByClass)
}

// point changes the Ingress of the loser in new: what led to one Service leads to another.
func (r *rig) point(t *testing.T, from, to string) {
	t.Helper()
	ingresses := r.client(t, world.New).NetworkingV1().Ingresses(loserSpace)
	ing, err := ingresses.Get(t.Context(), loser, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	changed := 0
	for _, rule := range ing.Spec.Rules {
		if rule.HTTP == nil {
			continue
		}
		for _, p := range rule.HTTP.Paths {
			if p.Backend.Service != nil && p.Backend.Service.Name == from {
				p.Backend.Service.Name = to
				changed++
			}
		}
	}
	if changed == 0 {
		t.Fatalf("nothing leads to %s: %v", from, backends(ing))
	}
	if _, err := ingresses.Update(t.Context(), ing, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
}

// abrupt kills the pods that requests of four seconds are under way to.
func (r *rig) abrupt(t *testing.T) {
	l := r.small(t, "abrupt", "/?sleep=4s", 10)
	r.until(t, "requests are under way", settled, func() error {
		if n := l.InFlight(); n < 10 {
			return fmt.Errorf("%d requests in flight", n)
		}
		return nil
	})
	if c := l.Counters(); c.Lost > 0 {
		t.Errorf("before anything was killed, %d requests were lost: %v", c.Lost, c.Bad)
	}
	now := int64(0)
	err := r.client(t, world.New).CoreV1().Pods(loserSpace).DeleteCollection(t.Context(),
		metav1.DeleteOptions{GracePeriodSeconds: &now}, metav1.ListOptions{LabelSelector: "app=" + loser})
	if err != nil {
		t.Fatal(err)
	}
	r.until(t, "new answers every host again", settled, func() error { return r.answers(t, world.New, world.New) })
	c, err := l.Stop()
	if err != nil {
		t.Error(err)
	}
	if c.Lost == 0 {
		t.Errorf("pods were killed under %d requests, and none is counted as lost: %v", c.Sent, c.ByClass)
	}
	t.Logf("sent %d, lost %d: %v", c.Sent, c.Lost, c.ByClass)
}

// span is from when to when requests were sent. Some have their end half a minute later.
type span struct{ from, to time.Time }

// onPurpose counts the lost requests that a part has lost on purpose.
func (r *rig) onPurpose(c ledger.Counters) (n int) {
	for _, at := range c.LostAt {
		if slices.ContainsFunc(r.forgiven, func(s span) bool { return !at.Before(s.from) && !at.After(s.to) }) {
			n++
		}
	}
	return n
}

func TestOnlyWhatWasSentInItsTimeIsForgiven(t *testing.T) {
	at := func(s int) time.Time { return time.Unix(int64(s), 0) }
	r := &rig{forgiven: []span{{at(10), at(20)}, {at(15), at(30)}}}
	if n := r.onPurpose(ledger.Counters{LostAt: []time.Time{at(9), at(10), at(17), at(30), at(31)}}); n != 3 {
		t.Errorf("%d are forgiven, want 3", n)
	}
}
