package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
)

func TestLanesThatOnlyWaitAreThroughWhenTheirSlotsAre(t *testing.T) {
	for name, c := range map[string]struct {
		lanes  []time.Duration
		atOnce int
		want   time.Duration
	}{
		"one after the other":       {[]time.Duration{1, 2, 3}, 1, 6},
		"all at once":               {[]time.Duration{1, 2, 3}, 4, 3},
		"the next takes who's free": {[]time.Duration{5, 1, 1, 1, 1}, 2, 5},
		"in their order":            {[]time.Duration{1, 1, 5}, 2, 6},
	} {
		if got := through(c.lanes, c.atOnce); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
}

func TestTheWaitsAreWindowsAndWhatPodsTake(t *testing.T) {
	lives, began := map[string]life{}, time.Unix(1000, 0)
	for i := range moving {
		lives[moved(i)] = life{made: began, ready: began.Add(2 * time.Second), ending: began, gone: began.Add(3 * time.Second)}
	}
	start, move, err := waits(lives, 9*time.Second)
	if err != nil || start != moving/bringsAtOnce*2*time.Second || move != moving/movesAtOnce*12*time.Second {
		t.Errorf("starts %s, moves %s (%v)", start, move, err)
	}
	l := lives[moved(7)]
	l.gone = time.Time{}
	lives[moved(7)] = l
	if _, _, err := waits(lives, 0); err == nil || !strings.Contains(err.Error(), moved(7)) {
		t.Errorf("a pod whose end was not seen: %v", err)
	}
}

func TestTheLifeOfAPodIsSeenOnceEach(t *testing.T) {
	p := &podWatch{lives: map[string]life{}}
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": "web"}}}
	p.see("new", watch.Added, pod)
	made := p.seen()["web"].made
	if l := p.seen()["web"]; made.IsZero() || !l.ready.IsZero() {
		t.Errorf("a pod that is not ready is %+v", l)
	}
	p.see("old", watch.Modified, pod)
	if l := p.seen()["web"]; !l.ending.IsZero() || !l.gone.IsZero() {
		t.Errorf("a pod of old that stays is %+v", l)
	}
	pod = pod.DeepCopy()
	pod.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}
	p.see("new", watch.Modified, pod)
	now := metav1.Now()
	pod.DeletionTimestamp = &now
	p.see("old", watch.Modified, pod)
	p.see("old", watch.Deleted, pod)
	if l := p.seen()["web"]; l.made != made || l.ready.IsZero() || l.ending.IsZero() || l.gone.IsZero() {
		t.Errorf("at the end it is %+v", l)
	}
}

const exported = `{"format": "cutover.dev/journal/v1", "entries": 9}
{"at": "2026-01-02T03:04:00Z", "phase": "routes", "step": "apply:new/bench/Deployment/w-00", "what": "done"}
{"at": "2026-01-02T03:04:05Z", "phase": "migrate/twenty", "step": "apply:new/bench/Deployment/w-00", "what": "begun"}
{"at": "2026-01-02T03:04:05Z", "phase": "migrate/twenty", "step": "apply:new/bench/Service/w-00", "what": "done"}
{"at": "2026-01-02T03:04:07Z", "phase": "migrate/twenty", "step": "apply:new/bench/Deployment/w-00", "what": "done"}
{"at": "2026-01-02T03:04:20Z", "phase": "migrate/twenty", "step": "baseline:bench/Deployment/w-00", "what": "done"}
{"at": "2026-01-02T03:04:21Z", "phase": "migrate/twenty", "step": "swap:new/bench/Ingress/w-00+bench/Deployment/w-00", "what": "begun"}
{"at": "2026-01-02T03:04:24Z", "phase": "migrate/twenty", "step": "swap:new/bench/Ingress/w-00+bench/Deployment/w-00", "what": "done"}
{"at": "2026-01-02T03:04:24Z", "phase": "migrate/twenty", "what": "finished"}
`

func TestAStepTakesFromTheEndOfTheOneBefore(t *testing.T) {
	got, err := kinds([]byte(exported))
	if err != nil || len(got) != 2 || got[0] != (kind{"apply", 2 * time.Second}) || got[1] != (kind{"swap", 4 * time.Second}) {
		t.Errorf("got %+v (%v)", got, err)
	}
	if _, err := kinds([]byte(strings.ReplaceAll(exported, "twenty", "other"))); err == nil {
		t.Error("a journal without the wave shows nothing, and that is no error")
	}
}

func TestThePlanIsTheDemosButForWhatMoves(t *testing.T) {
	demo, err := os.ReadFile(filepath.Join("..", "..", "plans", "demo.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	text, err := planFrom(demo)
	if err != nil {
		t.Fatal(err)
	}
	for part, n := range map[string]int{"bench/Deployment/": moving + 1, "shop": 0, "172.30.0.32": 1, "name: measure": 1} {
		if got := strings.Count(string(text), part); got != n {
			t.Errorf("the plan has %q %d times, want %d:\n%s", part, got, n, text)
		}
	}
	file := filepath.Join(t.TempDir(), "plan.yaml")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if lane, err := windows(file); err != nil || lane != 6*time.Second {
		t.Errorf("its windows are %s (%v)", lane, err)
	}
}

func TestEveryWorkloadHasWhatItTakesToBeAsked(t *testing.T) {
	list, err := manifests()
	if err != nil || len(list) != 1+3*(moving+1) || list[0].GetKind() != "Namespace" {
		t.Fatalf("%d objects (%v)", len(list), err)
	}
	of := map[string]string{}
	for _, u := range list[1:] {
		if u.GetNamespace() != space {
			t.Errorf("%s %s is in namespace %q", u.GetKind(), u.GetName(), u.GetNamespace())
		}
		of[u.GetName()] += u.GetKind() + " "
	}
	for _, name := range all() {
		if of[name] != "Deployment Service Ingress " {
			t.Errorf("%s has %s", name, of[name])
		}
	}
}
