package kube

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"cutover.dev/cutover/pkg/phase"
)

// Object describes one object that a phase wants to exist; Step makes a step of it.
type Object struct {
	Cluster         *Cluster
	Plan            string // name of the plan, the value of LabelPlan
	Kind            Kind
	Namespace, Name string

	// Want is the object as it should be, without our labels. A metadata.uid in it is not written: for Masked objects
	// it is part of the fingerprint's key.
	Want func(context.Context) (*unstructured.Unstructured, error)

	// Ready judges a live object that is as wanted. Nil: that is Done.
	Ready func(ctx context.Context, live *unstructured.Unstructured) (phase.Observation, error)

	Title string        // "" = "apply Service shop/web in new"
	Limit time.Duration // how long it may take, there or back
	Knob  string        // what to raise in the plan
	Once  []string      // "spec.replicas": wanted only at creation, no part of the intent, later differences are fine; no lists on the way

	// Masked keeps every value out of Diff, Intent and Was.
	Masked bool

	// Intent is what the digest covers, if it is known without asking a cluster. Nil: what the last Observe wanted; it
	// cannot be marshalled before that.
	Intent any
}

// Step makes the step "apply:new/shop/Service/web".
//
// Observe: absent is Pending; as wanted is what Ready says, whoever made it; ours but different is Pending; somebody
// else's and different is Failed and names the owner. Was is null if it was absent, else the object as it was; of a
// Masked object only that it was there. Revert deletes what was absent, and otherwise applies what was there.
func (o Object) Step() phase.Step {
	if o.Title == "" {
		o.Title = "apply " + o.Cluster.named(o.Kind, o.Namespace, o.Name)
	}
	s := &objectStep{Object: o}
	intent := o.Intent
	if intent == nil {
		intent = &s.intent
	}
	return phase.Step{
		ID: "apply:" + o.path(), Title: o.Title, Limit: o.Limit, Knob: o.Knob, Intent: intent,
		Touches: []phase.Object{{Env: o.Cluster.Env(), Kind: o.Kind.Kind, Namespace: o.Namespace, Name: o.Name}},
		Observe: s.observe, Apply: s.apply, Revert: s.revert, Reverted: s.reverted,
	}
}

func (o Object) path() string {
	return phase.Object{Env: o.Cluster.Env(), Kind: o.Kind.Kind, Namespace: o.Namespace, Name: o.Name}.String()
}

type objectStep struct {
	Object
	intent intent
}

// intent is what was wanted last, for the digest. It is worked out when somebody asks: most runs ask for no digest.
type intent struct {
	mu sync.Mutex
	is func() any
}

// MarshalJSON implements json.Marshaler.
func (i *intent) MarshalJSON() ([]byte, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.is == nil {
		return nil, errors.New("what is wanted is not known before the step was observed")
	}
	return json.Marshal(i.is())
}

func (i *intent) set(is func() any) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.is = is
}

// want asks what is wanted, remembers it for the digest, and makes it ours.
func (s *objectStep) want(ctx context.Context) (*unstructured.Unstructured, error) {
	w, err := s.Want(ctx)
	if err != nil {
		return nil, fmt.Errorf("work out what %s should be: %w", s.Cluster.named(s.Kind, s.Namespace, s.Name), err)
	}
	if w.GetName() != s.Name || w.GetNamespace() != s.Namespace || w.GetKind() != s.Kind.Kind {
		return nil, fmt.Errorf("%s is to be applied, but what is wanted is %s %s/%s", s.path(), w.GetKind(), w.GetNamespace(), w.GetName())
	}
	known := bare(w)
	if s.Masked {
		hash, err := fingerprint(s.Plan, w)
		if err != nil {
			return nil, err
		}
		s.remember(func() any {
			return map[string]any{"kind": s.Kind.Kind, "namespace": s.Namespace, "name": s.Name, "fingerprint": hash}
		})
	} else {
		s.remember(func() any { return s.lasting(known) })
	}
	return owned(known, s.Plan), nil
}

// remember keeps what was wanted for the digest, unless the phase said beforehand what that covers.
func (s *objectStep) remember(is func() any) {
	if s.Intent == nil {
		s.intent.set(is)
	}
}

// lasting is what is wanted not only at creation.
func (s *objectStep) lasting(known *unstructured.Unstructured) any {
	if len(s.Once) == 0 {
		return known.Object
	}
	out := known.DeepCopy()
	for _, path := range s.Once {
		unstructured.RemoveNestedField(out.Object, strings.Split(path, ".")...)
	}
	return out.Object
}

// owned is an object with our labels. It shares everything but those with the original, so neither must be changed.
func owned(obj *unstructured.Unstructured, plan string) *unstructured.Unstructured {
	out := &unstructured.Unstructured{Object: without(obj.Object)}
	metadata := without(out.Object["metadata"])
	out.Object["metadata"] = metadata
	Own(out, plan)
	return out
}

// live is what is there, nil if nothing is. Of a Masked object it has the data, so it is asked for directly, but only
// when the view says that there is one.
func (s *objectStep) live(ctx context.Context) (*unstructured.Unstructured, error) {
	u, err := s.Cluster.Get(ctx, s.Kind, s.Namespace, s.Name)
	if err == nil && metadataOnly(s.Kind) {
		u, err = s.Cluster.Read(ctx, s.Kind, s.Namespace, s.Name)
	}
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	return u, err
}

// settled keeps what is wanted only at creation as it is.
func (s *objectStep) settled(want, live *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	if live == nil || len(s.Once) == 0 {
		return want, nil
	}
	want = want.DeepCopy()
	for _, path := range s.Once {
		fields := strings.Split(path, ".")
		v, ok, err := unstructured.NestedFieldCopy(live.Object, fields...)
		if err == nil && ok {
			err = unstructured.SetNestedField(want.Object, v, fields...)
		} else if err == nil {
			unstructured.RemoveNestedField(want.Object, fields...)
		}
		if err != nil {
			return nil, fmt.Errorf("keep %s of %s: %w", path, s.path(), err)
		}
	}
	return want, nil
}
