package kube_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"cutover.dev/cutover/pkg/fault"
	"cutover.dev/cutover/pkg/kube"
	"cutover.dev/cutover/pkg/kube/kubetest"
	"cutover.dev/cutover/pkg/phase"
)

// call is one kind of call that the tool makes, as the tool makes it. before prepares an object "x" past the proxy.
type call struct {
	kind   string
	before string // what the object has before; "" = it is not there
	blind  bool   // it is sent again only where it certainly did nothing
	do     func(context.Context, *kube.Cluster, *unstructured.Unstructured) error
	after  string // what the object has afterwards; "" = it is gone
}

var calls = map[string]call{
	"who it is": {kind: "get namespaces", do: func(ctx context.Context, c *kube.Cluster, _ *unstructured.Unstructured) error {
		return told(c.UID(ctx))
	}},
	"what may be done":     {kind: "create selfsubjectaccessreviews", do: mayGet},
	"a view":               {kind: "watch configmaps", before: "a", after: "a", do: gets(kube.ConfigMap)},
	"a view of heads":      {kind: "watch secrets", do: gets(kube.Secret)},
	"read":                 {kind: "get configmaps", before: "a", after: "a", do: reads},
	"find":                 {kind: "list configmaps", before: "a", after: "a", do: finds},
	"walk":                 {kind: "list configmaps", before: "a", after: "a", do: walks},
	"walk heads":           {kind: "list secrets", do: walksHeads},
	"a record is made":     {kind: "create configmaps", after: "b", do: creates},
	"a record is replaced": {kind: "update configmaps", before: "a", after: "b", do: updates},
	"made":                 {kind: "create configmaps", after: "b", do: applies},
	"applied":              {kind: "apply configmaps", before: "a", after: "b", do: applies},
	"handed over":          {kind: "patch configmaps", before: "a", after: "b", do: applies},
	"patched":              {kind: "patch configmaps", before: "a", after: "b", do: patches(true)},
	"patched blindly":      {kind: "patch configmaps", before: "a", after: "b", do: patches(false), blind: true},
	"deleted":              {kind: "delete configmaps", before: "a", do: deletes},
	"deleted unchanged":    {kind: "delete configmaps", before: "a", do: deletesUnchanged},
}

// Every kind of call meets every fault once, and the tool gets over it: it asks again where that cannot write twice, and where it
// could, says that it cannot tell. All wait side by side.
func TestEveryKindOfCallGetsOverEveryFaultAndWritesNothingTwice(t *testing.T) {
	var all sync.WaitGroup
	server := kubetest.Shared(t)
	direct, ns := connect(t)
	for name, k := range calls {
		for _, how := range []kubetest.Fault{kubetest.Answer500, kubetest.TooMany, kubetest.Reset, kubetest.Lose, kubetest.Cut, kubetest.Slow, kubetest.Hang} {
			all.Go(func() {
				t.Run(name+" "+string(how), func(t *testing.T) { k.meets(t, server, direct, ns, how) })
			})
		}
	}
	all.Wait()
}

func (k call) meets(t *testing.T, server *kubetest.Server, direct *kube.Cluster, ns string, how kubetest.Fault) {
	f := server.Faulty(t)
	c, err := kube.Connect(t.Context(), "new", f.Kubeconfig, kube.Options{})
	must(t, err)
	defer c.Close()
	x := own(config(ns, strings.ToLower(strings.ReplaceAll(t.Name()[strings.Index(t.Name(), "/")+1:], "_", "-")), "a"))
	if k.before != "" {
		x, err = direct.Create(t.Context(), x)
		must(t, err)
	}
	f.Obey(kubetest.First(1, k.kind, how))
	err = k.do(t.Context(), c, x)
	if met := f.Met(); len(met) != 1 {
		t.Errorf("it met %v, want one call", met)
	}
	if twice := f.Twice(); len(twice) > 0 {
		t.Errorf("written twice: %v", twice)
	}
	// After 429 it was certainly not done, and where it was done it is found.
	if k.blind && !slices.Contains([]kubetest.Fault{kubetest.TooMany, kubetest.Lose, kubetest.Slow}, how) {
		if fault.CodeOf(err) != fault.Unsure || errors.Is(err, phase.ErrMoved) {
			t.Errorf("it says %v, want that it cannot tell", err)
		}
		return
	}
	must(t, err)
	is := ""
	if u, err := direct.Read(t.Context(), kube.ConfigMap, ns, x.GetName()); err == nil {
		is, _, _ = unstructured.NestedString(u.Object, "data", "key")
	} else if !apierrors.IsNotFound(err) {
		t.Fatal(err)
	}
	if is != k.after {
		t.Errorf("the object has %q, want %q", is, k.after)
	}
}

// told drops an answer.
func told[T any](_ T, err error) error { return err }

func mayGet(ctx context.Context, c *kube.Cluster, x *unstructured.Unstructured) error {
	return c.Can(ctx, []phase.Access{{Env: "new", Verb: "get", Resource: "configmaps", Namespace: x.GetNamespace()}})
}

func gets(k kube.Kind) func(context.Context, *kube.Cluster, *unstructured.Unstructured) error {
	return func(ctx context.Context, c *kube.Cluster, x *unstructured.Unstructured) error {
		_, err := c.List(ctx, k, x.GetNamespace())
		return err
	}
}

func reads(ctx context.Context, c *kube.Cluster, x *unstructured.Unstructured) error {
	return told(c.Read(ctx, kube.ConfigMap, x.GetNamespace(), x.GetName()))
}

func finds(ctx context.Context, c *kube.Cluster, x *unstructured.Unstructured) error {
	return told(c.Find(ctx, kube.ConfigMap, x.GetNamespace(), kube.LabelPlan))
}

func walks(ctx context.Context, c *kube.Cluster, x *unstructured.Unstructured) error {
	return c.Walk(ctx, kube.ConfigMap, x.GetNamespace(), func(*unstructured.Unstructured) error { return nil })
}

func walksHeads(ctx context.Context, c *kube.Cluster, x *unstructured.Unstructured) error {
	return c.WalkHeads(ctx, kube.Secret, x.GetNamespace(), "", func(*unstructured.Unstructured) error { return nil })
}

// changed is x as it is wanted.
func changed(x *unstructured.Unstructured) *unstructured.Unstructured {
	x = x.DeepCopy()
	x.Object["data"] = map[string]any{"key": "b"}
	return x
}

func creates(ctx context.Context, c *kube.Cluster, x *unstructured.Unstructured) error {
	return told(c.Create(ctx, changed(x)))
}

func updates(ctx context.Context, c *kube.Cluster, x *unstructured.Unstructured) error {
	return told(c.Update(ctx, changed(x)))
}

func applies(ctx context.Context, c *kube.Cluster, x *unstructured.Unstructured) error {
	return c.Apply(ctx, own(config(x.GetNamespace(), x.GetName(), "b")))
}

func patches(tested bool) func(context.Context, *kube.Cluster, *unstructured.Unstructured) error {
	return func(ctx context.Context, c *kube.Cluster, x *unstructured.Unstructured) error {
		ops := []kube.Op{{Op: "replace", Path: "/data/key", Value: "b"}}
		if tested {
			ops = append([]kube.Op{{Op: "test", Path: "/data/key", Value: "a"}}, ops...)
		}
		return c.Patch(ctx, kube.ConfigMap, x.GetNamespace(), x.GetName(), ops)
	}
}

func deletes(ctx context.Context, c *kube.Cluster, x *unstructured.Unstructured) error {
	return c.Delete(ctx, kube.ConfigMap, x.GetNamespace(), x.GetName(), x.GetUID())
}

func deletesUnchanged(ctx context.Context, c *kube.Cluster, x *unstructured.Unstructured) error {
	return c.DeleteUnchanged(ctx, kube.ConfigMap, x)
}
