package rehearse

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/tools/clientcmd"
)

// Snapshot is what a cluster holds, without what moves by itself: "shop/Deployment/web" -> the object. Values of
// Secrets are only there as sums.
type Snapshot map[string]map[string]any

// passing are the kinds that a cluster makes and drops by itself.
var passing = []string{"Event", "Pod", "ReplicaSet", "ControllerRevision", "Endpoints", "Lease", "PodMetrics"}

// Take reads every object of every namespaced kind in those namespaces of the cluster behind a kubeconfig file. It has
// to be an identity that may read everything.
func Take(ctx context.Context, kubeconfig string, namespaces ...string) (Snapshot, error) {
	objects, err := read(ctx, kubeconfig, passing)
	if err != nil {
		return nil, err
	}
	return snapshotOf(objects, namespaces), nil
}

// Everything reads what Take reads as it is, and what moves by itself as well: events, leases, pods. Only measurements are left
// out, whose server is another one, and what API servers call deprecated.
func Everything(ctx context.Context, kubeconfig string, namespaces ...string) ([]*unstructured.Unstructured, error) {
	objects, err := read(ctx, kubeconfig, []string{"Endpoints", "PodMetrics"})
	return slices.DeleteFunc(objects, func(o *unstructured.Unstructured) bool {
		return !slices.Contains(namespaces, o.GetNamespace())
	}), err
}

// atOnce is how many lists are asked for side by side.
const atOnce = 8

// read lists every object of every namespaced kind but those without.
func read(ctx context.Context, kubeconfig string, without []string) ([]*unstructured.Unstructured, error) {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return nil, fmt.Errorf("read the kubeconfig %s: %w", kubeconfig, err)
	}
	config.QPS, config.Burst = 100, 200 // some thirty lists at once; the default of five a second is for controllers
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("connect to the cluster of %s: %w", kubeconfig, err)
	}
	finder, err := discovery.NewDiscoveryClientForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("connect to the cluster of %s: %w", kubeconfig, err)
	}
	kinds, err := listable(finder, without)
	if err != nil {
		return nil, fmt.Errorf("find the kinds of the cluster of %s: %w", kubeconfig, err)
	}
	lists := make([]*unstructured.UnstructuredList, len(kinds))
	group, inner := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for i, kind := range kinds {
		group.Go(func() (err error) {
			if lists[i], err = client.Resource(kind).List(inner, metav1.ListOptions{}); err != nil {
				return fmt.Errorf("list %s: %w", kind.Resource, err)
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	var objects []*unstructured.Unstructured
	for _, list := range lists {
		for i := range list.Items {
			objects = append(objects, &list.Items[i])
		}
	}
	return objects, nil
}

// listable returns every namespaced kind but those without, each in one version.
func listable(finder discovery.DiscoveryInterface, without []string) ([]schema.GroupVersionResource, error) {
	lists, err := finder.ServerPreferredNamespacedResources()
	if failed, ok := errors.AsType[*discovery.ErrGroupDiscoveryFailed](err); ok {
		for gv := range failed.Groups {
			if gv.Group != "metrics.k8s.io" { // its server may still be starting, and it holds nothing of ours
				return nil, err
			}
		}
	} else if err != nil {
		return nil, err
	}
	var out []schema.GroupVersionResource
	for _, list := range lists {
		gv, err := schema.ParseGroupVersion(list.GroupVersion)
		if err != nil {
			return nil, err
		}
		for _, r := range list.APIResources {
			if slices.Contains(r.Verbs, "list") && !slices.Contains(without, r.Kind) {
				out = append(out, gv.WithResource(r.Name))
			}
		}
	}
	if len(out) == 0 {
		return nil, errors.New("there is none")
	}
	return out, nil
}

func snapshotOf(objects []*unstructured.Unstructured, namespaces []string) Snapshot {
	s, scaled := Snapshot{}, map[string]bool{}
	for _, o := range objects {
		if kind, name := scaledBy(o); name != "" {
			scaled[o.GetNamespace()+"/"+kind+"/"+name] = true
		}
	}
	for _, o := range objects {
		if !slices.Contains(namespaces, o.GetNamespace()) || slices.Contains(passing, o.GetKind()) || madeByController(o) {
			continue
		}
		key := o.GetNamespace() + "/" + o.GetKind() + "/" + o.GetName()
		s[key] = settled(o)
		if scaled[key] && replicas(s[key]) > 0 {
			unstructured.SetNestedField(s[key], "by its autoscaler", "spec", "replicas") //nolint:errcheck // spec is a map
		}
	}
	return s
}

func scaledBy(o *unstructured.Unstructured) (kind, name string) {
	if o.GetKind() != "HorizontalPodAutoscaler" {
		return "", ""
	}
	kind, _, _ = unstructured.NestedString(o.Object, "spec", "scaleTargetRef", "kind")
	name, _, _ = unstructured.NestedString(o.Object, "spec", "scaleTargetRef", "name")
	return kind, name
}

func replicas(object map[string]any) int64 {
	n, _, _ := unstructured.NestedInt64(object, "spec", "replicas")
	return n
}

// madeByController finds the EndpointSlices that Kubernetes keeps itself; one that somebody wrote stays in.
func madeByController(o *unstructured.Unstructured) bool {
	by := o.GetLabels()["endpointslice.kubernetes.io/managed-by"]
	return o.GetKind() == "EndpointSlice" && strings.HasSuffix(by, "controller.k8s.io")
}

// settled returns a copy without what the API server sets.
func settled(o *unstructured.Unstructured) map[string]any {
	c := o.DeepCopy().Object
	delete(c, "status")
	for _, field := range []string{"uid", "generation", "resourceVersion", "creationTimestamp", "managedFields", "selfLink"} {
		unstructured.RemoveNestedField(c, "metadata", field)
	}
	if o.GetKind() == "Secret" {
		for _, field := range []string{"data", "stringData"} {
			values, ok := c[field].(map[string]any)
			for key, value := range values {
				sum := sha256.Sum256(fmt.Append(nil, value))
				values[key] = "sum " + hex.EncodeToString(sum[:8])
			}
			if ok && len(values) == 0 {
				delete(c, field)
			}
		}
	}
	return c
}
