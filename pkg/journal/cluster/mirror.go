package cluster

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"cutover.dev/cutover/pkg/kube"
)

// ErrDiverged is returned by Mirror when the copy has entries that the original has not, or others: both were written
// to, as after a rollback from the copy. A person decides which one counts.
var ErrDiverged = errors.New("the copy of the journal is not a beginning of the original")

// Mirror copies every segment and every blob to another store of the same plan. What is equal is skipped; a segment is
// only ever made longer.
func (s *Store) Mirror(ctx context.Context, to *Store) error {
	doing := func(err error) error {
		return fmt.Errorf("mirror the journal of %s from %s to %s: %w", s.plan, s.api.Env(), to.api.Env(), err)
	}
	ours, err := s.all(ctx)
	if err != nil {
		return doing(err)
	}
	theirs, err := to.all(ctx)
	if err != nil {
		return doing(err)
	}
	there := map[string]*unstructured.Unstructured{}
	for _, u := range theirs {
		there[u.GetName()] = u
	}
	heads, rest := split(ours)
	for _, u := range append(rest, heads...) { // a head only after its parts
		if err := to.copy(ctx, u, there[u.GetName()]); err != nil {
			return doing(err)
		}
		delete(there, u.GetName())
	}
	for name, u := range there {
		if u.GetLabels()[labelState] == "journal" {
			return doing(fmt.Errorf("%s: %w", name, ErrDiverged))
		}
	}
	return nil
}

func (s *Store) all(ctx context.Context) ([]*unstructured.Unstructured, error) {
	return s.api.Find(ctx, kube.ConfigMap, s.namespace, labelState+","+kube.LabelPlan+"="+s.plan)
}

// split sets the heads of blobs apart.
func split(all []*unstructured.Unstructured) (heads, rest []*unstructured.Unstructured) {
	for _, u := range all {
		if data, err := content(u); err == nil && bytes.HasPrefix(data, []byte("{")) {
			heads = append(heads, u)
		} else {
			rest = append(rest, u)
		}
	}
	return heads, rest
}

func (s *Store) copy(ctx context.Context, from, there *unstructured.Unstructured) error {
	data, err := content(from)
	if err != nil {
		return err
	}
	u := configMap(s.namespace, from.GetName(), s.plan, from.GetLabels()[labelState], data)
	u.SetAnnotations(from.GetAnnotations())
	if there == nil {
		_, err := createIn(ctx, s.api, s.namespace, s.plan, u)
		return err
	}
	had, err := content(there)
	if err != nil {
		return err
	}
	if bytes.Equal(had, data) && there.GetAnnotations()[markSealed] == from.GetAnnotations()[markSealed] {
		return nil
	}
	if from.GetLabels()[labelState] == "journal" && !bytes.HasPrefix(data, had) {
		return fmt.Errorf("%s: %w", from.GetName(), ErrDiverged)
	}
	u.SetResourceVersion(there.GetResourceVersion())
	_, err = s.api.Update(ctx, u)
	return err
}
