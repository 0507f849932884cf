package kube

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"cutover.dev/cutover/pkg/fault"
	"cutover.dev/cutover/pkg/phase"
)

// maskedWas is the Was of a Masked object of ours that was there: its content is never kept.
const maskedWas = `{"masked":true}`

func (s *objectStep) observe(ctx context.Context) (phase.Observation, error) {
	want, err := s.want(ctx)
	if err != nil {
		return phase.Observation{}, err
	}
	live, err := s.live(ctx)
	if err != nil {
		return phase.Observation{}, err
	}
	if live == nil {
		return phase.Observation{State: phase.Pending, Detail: "absent", Diff: "+ " + s.path() + "\n", Was: json.RawMessage("null")}, nil
	}
	if live.GetDeletionTimestamp() != nil {
		return phase.Observation{State: phase.Settling, Detail: "is being deleted" + finalizers(live)}, nil
	}
	if want, err = s.settled(want, live); err != nil {
		return phase.Observation{}, err
	}
	diffs := differences(want, live)
	switch {
	case len(diffs) == 0 && s.Ready != nil:
		return s.Ready(ctx, live)
	case len(diffs) == 0:
		return phase.Observation{State: phase.Done, Detail: "as wanted"}, nil
	case !Ours(live, s.Plan):
		no := s.Cluster.foreign(s.Kind, live)
		detail := fmt.Sprintf("%v, and differs in %s; %s", no, fields(diffs), strings.Join(fault.Hints(no), "; "))
		return phase.Observation{State: phase.Failed, Detail: detail, Diff: show(diffs, s.Masked)}, nil
	}
	was, err := s.was(live)
	return phase.Observation{State: phase.Pending, Detail: "differs in " + fields(diffs) + Writers(live, diffs), Diff: show(diffs, s.Masked), Was: was}, err
}

func (s *objectStep) was(live *unstructured.Unstructured) (json.RawMessage, error) {
	if s.Masked || metadataOnly(s.Kind) {
		return json.RawMessage(maskedWas), nil
	}
	b, err := json.Marshal(bare(live).Object)
	if err != nil {
		return nil, fmt.Errorf("remember %s: %w", s.path(), err)
	}
	return b, nil
}

func finalizers(u *unstructured.Unstructured) string {
	if f := u.GetFinalizers(); len(f) > 0 {
		return ", held by the finalizers " + strings.Join(f, ", ")
	}
	return ""
}

// fields names the first few paths.
func fields(diffs []Difference) string {
	var paths []string
	for i, d := range diffs {
		if i == 5 {
			paths = append(paths, fmt.Sprintf("%d more", len(diffs)-i))
			break
		}
		paths = append(paths, d.Path)
	}
	return strings.Join(paths, ", ")
}

func (s *objectStep) apply(ctx context.Context) error {
	want, err := s.want(ctx)
	if err != nil {
		return err
	}
	live, err := s.live(ctx)
	if err != nil {
		return err
	}
	if want, err = s.settled(want, live); err != nil {
		return err
	}
	return s.Cluster.Apply(ctx, want)
}

// before decodes Was: the object as it was, nil if it was absent. masked: it was there, and nobody kept how.
func (s *objectStep) before(was json.RawMessage) (old *unstructured.Unstructured, masked bool, err error) {
	switch string(was) {
	case "null":
		return nil, false, nil
	case "":
		return nil, false, fmt.Errorf("%s: the journal does not say what was there before", s.path())
	case maskedWas:
		return nil, true, nil
	}
	old = &unstructured.Unstructured{}
	if err := json.Unmarshal(was, &old.Object); err != nil {
		return nil, false, fmt.Errorf("%s: read what was there before: %w", s.path(), err)
	}
	return old, false, nil
}

func (s *objectStep) revert(ctx context.Context, was json.RawMessage) error {
	old, masked, err := s.before(was)
	if err != nil || masked {
		return err
	}
	if old != nil {
		return s.Cluster.Apply(ctx, old)
	}
	live, err := s.live(ctx)
	if err != nil || live == nil || live.GetDeletionTimestamp() != nil {
		return err
	}
	if !Ours(live, s.Plan) {
		return s.Cluster.foreign(s.Kind, live)
	}
	return s.Cluster.Delete(ctx, s.Kind, s.Namespace, s.Name, live.GetUID())
}

func (s *objectStep) reverted(ctx context.Context, was json.RawMessage) (phase.Observation, error) {
	old, masked, err := s.before(was)
	if err != nil {
		return phase.Observation{}, err
	}
	live, err := s.live(ctx)
	if err != nil {
		return phase.Observation{}, err
	}
	switch {
	case live != nil && live.GetDeletionTimestamp() != nil:
		return phase.Observation{State: phase.Settling, Detail: "is being deleted" + finalizers(live)}, nil
	case masked && live != nil:
		return phase.Observation{State: phase.Done, Detail: "was ours before too; its content was not kept, it stays as it is"}, nil
	case masked:
		return phase.Observation{State: phase.Failed, Detail: "was there before and is gone; its content was not kept"}, nil
	case old == nil && live == nil:
		return phase.Observation{State: phase.Done, Detail: "absent, as before"}, nil
	case old == nil && !Ours(live, s.Plan):
		return phase.Observation{State: phase.Failed, Detail: s.Cluster.foreign(s.Kind, live).Error()}, nil
	case old == nil:
		return phase.Observation{State: phase.Pending, Detail: "still there", Diff: "- " + s.path() + "\n"}, nil
	case live == nil:
		return phase.Observation{State: phase.Pending, Detail: "gone, it was there before", Diff: "+ " + s.path() + "\n"}, nil
	}
	diffs := differences(old, live)
	if len(diffs) == 0 {
		return phase.Observation{State: phase.Done, Detail: "as before"}, nil
	}
	if !Ours(live, s.Plan) {
		return phase.Observation{State: phase.Failed, Detail: s.Cluster.foreign(s.Kind, live).Error()}, nil
	}
	return phase.Observation{State: phase.Pending, Detail: "differs from before in " + fields(diffs), Diff: show(diffs, s.Masked)}, nil
}
