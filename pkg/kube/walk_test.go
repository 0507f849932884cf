package kube_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"golang.org/x/sync/errgroup"

	"cutover.dev/cutover/pkg/kube"
	"cutover.dev/cutover/pkg/kube/kubetest"
)

func TestAWalkSeesEveryObjectOnceWhateverThePage(t *testing.T) {
	c, ns := connect(t)
	const many = 501 // more than a page
	var group errgroup.Group
	group.SetLimit(16)
	for i := range many {
		group.Go(func() error {
			_, err := c.Create(t.Context(), config(ns, fmt.Sprintf("c-%d", i), "v"))
			return err
		})
	}
	must(t, group.Wait())
	seen := map[string]bool{}
	must(t, c.Walk(t.Context(), kube.ConfigMap, ns, func(u *unstructured.Unstructured) error {
		if seen[u.GetName()] || u.GetKind() != "ConfigMap" || u.Object["data"] == nil {
			t.Errorf("%s %s again, or without its data", u.GetKind(), u.GetName())
		}
		seen[u.GetName()] = true
		return nil
	}))
	if len(seen) != many {
		t.Errorf("%d objects of %d", len(seen), many)
	}
	stop := errors.New("stop")
	if err := c.Walk(t.Context(), kube.ConfigMap, ns, func(*unstructured.Unstructured) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("the walk goes on: %v", err)
	}
}

func TestAWalkOfHeadsHasNothingButMetadataOfWhatIsAskedFor(t *testing.T) {
	c, ns := connect(t)
	for _, name := range []string{"one", "two"} {
		secret := object(kube.Secret, ns, name, map[string]any{"stringData": map[string]any{"password": "canary-7"}})
		_, err := c.Create(t.Context(), secret)
		must(t, err)
	}
	names := []string{}
	keep := func(u *unstructured.Unstructured) error {
		names = append(names, u.GetName())
		if b, _ := u.MarshalJSON(); strings.Contains(string(b), "data\":{\"pass") || u.GetUID() == "" || u.GetKind() != "Secret" {
			t.Errorf("it has %s", b)
		}
		return nil
	}
	must(t, c.WalkHeads(t.Context(), kube.Secret, ns, "metadata.name!=two", keep))
	must(t, c.Walk(t.Context(), kube.Secret, ns, keep))
	if strings.Join(names, " ") != "one one two" {
		t.Errorf("it saw %q", names)
	}
}

func TestAWalkThatMayNotListSaysSo(t *testing.T) {
	s := kubetest.Shared(t)
	nobody := dial(t, s.As(t, "nobody"))
	err := nobody.Walk(t.Context(), kube.ConfigMap, "default", func(*unstructured.Unstructured) error { return nil })
	if !apierrors.IsForbidden(err) {
		t.Errorf("it says %v", err)
	}
}
