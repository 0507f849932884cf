package proxy

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"cutover.dev/cutover/pkg/kube"
	"cutover.dev/cutover/pkg/phase"
	"cutover.dev/cutover/pkg/phase/parts"
)

// statusFact says which bridge was watched, and for how long: a later verify need not wait again, and a bridge that was made
// otherwise since has to be watched anew.
const statusFact = "proxy.status"

type watched struct {
	At  time.Time     `json:"at"`
	For time.Duration `json:"for"`
	Of  string        `json:"of,omitempty"` // the bridge
}

// statusWatch is one watching of the status of old's Ingresses.
type statusWatch struct {
	d     Deps
	of    string
	past  phase.Past
	mu    sync.Mutex
	since time.Time
	first map[string]string // Ingress -> status.loadBalancer
}

// statusProof: two controllers that both write the status of an Ingress take turns for ever, and external-dns follows.
func statusProof(d Deps, manifests []parts.Manifest, past phase.Past) phase.Step {
	within := parts.Status(d.Plan)
	w := &statusWatch{d: d, of: bridgeSeal(d, manifests), past: past}
	return phase.Step{
		ID: "prove:status", Title: "watch that the bridge does not write the status of Ingresses in old",
		Limit: within.Limit + time.Minute, Knob: within.Name,
		Intent: map[string]any{"for": within.Limit.String()}, Observe: w.observe,
	}
}

// bridgeSeal stands for a bridge: its addresses, and what of it is committed.
func bridgeSeal(d Deps, manifests []parts.Manifest) string {
	objects := []any{parts.BridgeAddrs(d.Plan.Spec.Bridge)}
	for _, m := range manifests {
		objects = append(objects, m.Object.Object)
	}
	text, err := json.Marshal(objects)
	if err != nil { // it was read from a file; of nothing else is it worth knowing
		text = []byte(err.Error())
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:8])
}

func (w *statusWatch) observe(ctx context.Context) (phase.Observation, error) {
	window := parts.Status(w.d.Plan).Limit
	var before watched
	if w.past != nil {
		known, err := w.past.Fact(statusFact, &before)
		if err != nil {
			return phase.Observation{}, fmt.Errorf("read fact %s: %w", statusFact, err)
		}
		if known && before.For >= window && before.Of == w.of {
			return phase.Observation{
				State: phase.Done, Detail: fmt.Sprintf("was watched for %s until %s", before.For, before.At.Format(time.RFC3339)),
				Facts: map[string]any{statusFact: before},
			}, nil
		}
	}
	now, err := w.read(ctx)
	if err != nil {
		return phase.Observation{}, err
	}
	return w.judge(now, window), nil
}

func (w *statusWatch) read(ctx context.Context) (map[string]string, error) {
	all := map[string]string{}
	for _, ns := range w.d.Plan.Spec.Namespaces {
		list, err := w.d.Old.List(ctx, kube.Ingress, ns)
		if err != nil {
			return nil, err
		}
		for _, u := range list {
			if kube.Ours(u, w.d.Name()) { // its status is being written for the first time
				continue
			}
			status, _, err := unstructured.NestedFieldNoCopy(u.Object, "status", "loadBalancer")
			if err != nil {
				return nil, fmt.Errorf("read status of Ingress %s/%s in old: %w", ns, u.GetName(), err)
			}
			text, err := json.Marshal(status)
			if err != nil {
				return nil, fmt.Errorf("read status of Ingress %s/%s in old: %w", ns, u.GetName(), err)
			}
			all[ns+"/"+u.GetName()] = string(text)
		}
	}
	return all, nil
}

// judge compares with the first look. After a change the next look is a first one again.
func (w *statusWatch) judge(now map[string]string, window time.Duration) phase.Observation {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(now) == 0 {
		return phase.Observation{State: phase.Failed, Detail: "there is no Ingress in old whose status could be watched"}
	}
	if w.first == nil {
		w.first, w.since = now, time.Now()
	}
	for _, name := range slices.Sorted(maps.Keys(now)) {
		if was, there := w.first[name]; there && was != now[name] {
			w.first = nil
			return phase.Observation{State: phase.Failed, Detail: fmt.Sprintf(
				"the status of Ingress %s in old changed from %s to %s: the bridge must not write it", name, was, now[name],
			)}
		}
	}
	passed := time.Since(w.since)
	if passed < window {
		return phase.Observation{State: phase.Settling, Detail: fmt.Sprintf(
			"%d Ingresses unchanged for %s of %s", len(now), passed.Round(time.Second), window,
		)}
	}
	return phase.Observation{
		State: phase.Done, Detail: fmt.Sprintf("the status of %d Ingresses did not change for %s", len(now), window),
		Facts: map[string]any{statusFact: watched{time.Now().UTC().Truncate(time.Second), window, w.of}},
	}
}
