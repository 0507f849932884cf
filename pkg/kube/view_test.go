package kube_test

import (
	"context"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"cutover.dev/cutover/pkg/fault"
	"cutover.dev/cutover/pkg/kube"
	"cutover.dev/cutover/pkg/kube/kubetest"
)

func TestAServerThatIsGoneIsNeverAYes(t *testing.T) {
	s := kubetest.Start(t)
	c, err := kube.Connect(t.Context(), "new", s.Kubeconfig, kube.Options{Timeout: 2 * time.Second})
	must(t, err)
	defer c.Close()
	ns := namespace(t, c)
	must(t, c.Apply(t.Context(), own(config(ns, "a", "x"))))
	if _, err := c.Get(t.Context(), kube.ConfigMap, ns, "a"); err != nil {
		t.Fatal(err)
	}
	s.Kill()
	t.Log(untilUnsure(t, c, ns))
	if all, err := c.List(t.Context(), kube.ConfigMap, ns); fault.CodeOf(err) != fault.Unsure || all != nil {
		t.Fatalf("list after the server died: %v %v", all, err)
	}
	if err := c.Apply(t.Context(), own(config(ns, "b", "x"))); fault.CodeOf(err) != fault.Unsure {
		t.Fatalf("apply after the server died: %v", err)
	}
	s.Restart(t)
	other := dial(t, s.Kubeconfig)
	must(t, other.Apply(t.Context(), own(config(ns, "a", "changed"))))
	untilChanged(t, c, ns)
	must(t, c.Apply(t.Context(), own(config(ns, "a", "mine"))))
}

// untilUnsure reads until the answer is "could not tell". A view may say yes for two seconds after the last sign of
// life, then one question and one direct read have to fail; a minute is for slow machines.
func untilUnsure(t *testing.T, c *kube.Cluster, ns string) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		u, err := c.Get(ctx, kube.ConfigMap, ns, "a")
		if fault.CodeOf(err) == fault.Unsure && u == nil {
			return err
		}
		if err != nil {
			t.Fatalf("neither a yes nor could not tell: %v", err)
		}
		select {
		case <-ctx.Done():
			t.Fatal("the view goes on saying yes")
		case <-tick.C:
		}
	}
}

// untilChanged reads until the view has what somebody else wrote: its watch may be a moment behind.
func untilChanged(t *testing.T, c *kube.Cluster, ns string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for {
		u, err := c.Get(ctx, kube.ConfigMap, ns, "a")
		if err != nil {
			t.Fatalf("get after the server came back: %v", err)
		}
		if value, _, _ := unstructured.NestedString(u.Object, "data", "key"); value == "changed" {
			return
		}
	}
}

func TestUnauthorizedAndForbiddenAreFinal(t *testing.T) {
	s := kubetest.Shared(t)
	nobody := dial(t, s.As(t, "nobody"))
	_, err := nobody.Get(t.Context(), kube.ConfigMap, "default", "a")
	if !apierrors.IsForbidden(err) || fault.CodeOf(err) != fault.Refused {
		t.Errorf("without a role: %v", err)
	}
	stranger := dial(t, s.As(t, "stranger"))
	_, err = stranger.Get(t.Context(), kube.ConfigMap, "default", "a")
	if !apierrors.IsUnauthorized(err) || fault.CodeOf(err) != fault.Refused || len(fault.Hints(err)) == 0 {
		t.Errorf("with a token that does not exist: %v", err)
	}
	if strings.Contains(err.Error(), "token-stranger") {
		t.Error("the error has the token in it")
	}
}

func TestSecretsAreViewedWithoutTheirData(t *testing.T) {
	c, ns := connect(t)
	secret := object(kube.Secret, ns, "s", map[string]any{"stringData": map[string]any{"password": "canary-7"}})
	secret.SetAnnotations(map[string]string{"kubectl.kubernetes.io/last-applied-configuration": "canary-8"})
	_, err := c.Create(t.Context(), secret)
	must(t, err)
	u, err := c.Get(t.Context(), kube.Secret, ns, "s")
	must(t, err)
	if b, _ := u.MarshalJSON(); strings.Contains(string(b), "canary") || u.Object["data"] != nil || u.GetKind() != "Secret" {
		t.Errorf("view has %s", b)
	}
	u, err = c.Read(t.Context(), kube.Secret, ns, "s")
	must(t, err)
	if u.Object["data"] == nil {
		t.Error("a direct read has no data")
	}
}
