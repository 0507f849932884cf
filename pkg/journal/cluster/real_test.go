package cluster

import (
	"context"
	"errors"
	"io/fs"
	"strings"
	"sync"
	"testing"
	"time"

	"cutover.dev/cutover/pkg/fault"
	"cutover.dev/cutover/pkg/journal"
	"cutover.dev/cutover/pkg/kube"
	"cutover.dev/cutover/pkg/kube/kubetest"
)

func connect(t *testing.T, kubeconfig string) *kube.Cluster {
	t.Helper()
	c, err := kube.Connect(t.Context(), "new", kubeconfig, kube.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// place is a state namespace of the test's own, which does not exist yet.
func place(t *testing.T) string { return strings.ToLower(t.Name()[:min(60, len(t.Name()))]) }

func TestOfTwoWritersOnARealServerExactlyOneWinsEachTime(t *testing.T) {
	kubeconfig, ns := kubetest.Shared(t).Kubeconfig, place(t)
	const rounds = 20
	won := make([]int, 2)
	var wg sync.WaitGroup
	for w := range won {
		s := New(connect(t, kubeconfig), ns, "shop")
		wg.Go(func() {
			for won[w] < rounds {
				all, v, err := s.Load(t.Context())
				if err != nil {
					t.Error(err)
					return
				}
				_, err = s.Append(t.Context(), v, noise(len(all), 1, 2_000))
				switch {
				case err == nil:
					won[w]++
				case !errors.Is(err, journal.ErrConflict):
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	all, _ := load(t, New(connect(t, kubeconfig), ns, "shop"))
	if len(all) != 2*rounds {
		t.Fatalf("%d entries, want %d: some were lost or doubled", len(all), 2*rounds)
	}
	for i, e := range all {
		if want := entries(i, 1)[0].Step; e.Step != want {
			t.Fatalf("entry %d is %s, want %s: it was written on top of another version", i, e.Step, want)
		}
	}
}

func TestALargeBatchAndABlobFitIntoARealServer(t *testing.T) {
	c, ns := connect(t, kubetest.Shared(t).Kubeconfig), place(t)
	s := New(c, ns, "shop")
	_, v := load(t, s)
	appendAll(t, s, v, noise(0, 8, 300_000))
	if all, _ := load(t, New(c, ns, "shop")); len(all) != 8 {
		t.Errorf("%d entries", len(all))
	}
	blob := noise(0, 1, 3_000_000)[0].Was
	if err := s.SaveBlob(t.Context(), "inventory", blob, false); err != nil {
		t.Fatal(err)
	}
	if err := s.SaveBlob(t.Context(), "inventory", []byte("{}"), false); !errors.Is(err, fs.ErrExist) {
		t.Errorf("saved over: %v", err)
	}
	if got, err := s.LoadBlob(t.Context(), "inventory"); err != nil || len(got) != len(blob) {
		t.Errorf("%d bytes: %v", len(got), err)
	}
}

func TestARealLeaseHasOneHolder(t *testing.T) {
	kubeconfig, ns := kubetest.Shared(t).Kubeconfig, place(t)
	const short = 3 * time.Second
	a := NewLease(connect(t, kubeconfig), ns, "shop", short)
	if err := a.Acquire(t.Context(), "run-1"); err != nil {
		t.Fatal(err)
	}
	b := NewLease(connect(t, kubeconfig), ns, "shop", short)
	if err := b.Acquire(t.Context(), "run-2"); fault.CodeOf(err) != fault.Locked {
		t.Fatalf("second run: %v", err)
	}
	if err := b.RequestStop(t.Context(), "rollback"); err != nil {
		t.Fatal(err)
	}
	<-a.Stopped()
	if err := a.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := b.Acquire(t.Context(), "run-2"); err != nil {
		t.Fatal(err)
	}
	die(b)
	ctx, cancel := context.WithTimeout(t.Context(), 5*short)
	defer cancel()
	if err := a.Acquire(ctx, "run-3"); err != nil {
		t.Fatalf("after the holder died: %v", err)
	}
	if held(b) {
		t.Error("two holders")
	}
	if err := a.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestAMissingNamespaceThatMayNotBeMadeIsNamed(t *testing.T) {
	s := New(connect(t, kubetest.Shared(t).As(t, "nobody")), "nowhere", "shop")
	_, err := s.Append(t.Context(), "", entries(0, 1))
	if fault.CodeOf(err) != fault.Refused || !strings.Contains(strings.Join(fault.Hints(err), " "), "kubectl create namespace nowhere") {
		t.Errorf("%v %q", err, fault.Hints(err))
	}
}
