package inventory

import (
	"context"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"cutover.dev/cutover/pkg/kube"
)

// Reader is the part of a *kube.Cluster that this package reads with. What it returns is shared and never changed here.
type Reader interface {
	List(ctx context.Context, k kube.Kind, ns string) ([]*unstructured.Unstructured, error)
	Read(ctx context.Context, k kube.Kind, ns, name string) (*unstructured.Unstructured, error)
}

// atOnce is how many namespaces are read side by side: enough to hide the way to the API server, few enough to stay
// below its limits.
const atOnce = 8

// Taken are the kinds that Take lists, for who has to ask for the rights.
var Taken = []kube.Kind{
	kube.Ingress, kube.Service, kube.ConfigMap, kube.Deployment, kube.StatefulSet, kube.DaemonSet, kube.CronJob, kube.Job, kube.Pod,
	kube.HPA, kube.PDB,
}

// movable are the kinds of workloads, in the order of their names.
var movable = []kube.Kind{kube.CronJob, kube.DaemonSet, kube.Deployment, kube.StatefulSet}

// listed are the objects of one namespace by kind, without cutover's own.
type listed map[kube.Kind][]*unstructured.Unstructured

// Take reads what is in the namespaces of old. An object that cannot be read, or a kind that may not be listed, is an
// error: a hole in the inventory would pass for "nothing there". Namespaces are taken in the order of their names.
func Take(ctx context.Context, old Reader, namespaces []string) (*Inventory, error) {
	scope := slices.Compact(slices.Sorted(slices.Values(namespaces)))
	all := make([]listed, len(scope))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for i, ns := range scope {
		group.Go(func() (err error) {
			all[i], err = list(ctx, old, ns)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, fmt.Errorf("take the inventory of old: %w", err)
	}
	inv := &Inventory{FrozenAt: time.Now().UTC().Truncate(time.Second), Namespaces: scope}
	for i, ns := range scope {
		if err := inv.namespace(all[i]); err != nil {
			return nil, fmt.Errorf("take the inventory of namespace %s in old: %w", ns, err)
		}
	}
	if err := inv.findCalls(all); err != nil { // after all: a call may lead to any namespace in scope
		return nil, fmt.Errorf("take the inventory of old: %w", err)
	}
	return inv, nil
}

func list(ctx context.Context, old Reader, ns string) (listed, error) {
	l := listed{}
	for _, kind := range Taken {
		objects, err := old.List(ctx, kind, ns)
		if err != nil {
			return nil, err
		}
		for _, u := range objects {
			if u.GetLabels()[kube.LabelManaged] != kube.Manager {
				l[kind] = append(l[kind], u)
			}
		}
		slices.SortFunc(l[kind], func(a, b *unstructured.Unstructured) int { return compareStrings(a.GetName(), b.GetName()) })
	}
	return l, nil
}

func (inv *Inventory) namespace(l listed) error {
	for _, u := range l[kube.Ingress] {
		ing, err := ingressOf(u)
		if err != nil {
			return err
		}
		inv.Ingresses = append(inv.Ingresses, *ing)
	}
	for _, u := range l[kube.Service] {
		s, err := serviceOf(u)
		if err != nil {
			return err
		}
		inv.Services = append(inv.Services, *s)
	}
	scaling, err := scalingOf(l)
	if err != nil {
		return err
	}
	for _, kind := range movable {
		for _, u := range l[kind] {
			w, err := workloadOf(u, scaling)
			if err != nil {
				return err
			}
			inv.Workloads = append(inv.Workloads, *w)
		}
	}
	inv.Unmovable = append(inv.Unmovable, unmovable(l)...)
	return inv.seal(l)
}

// FindControllers reads which controller each ingress class belongs to. A class that is not there leaves "", which
// Check takes as "could not tell"; any other failure is an error.
func FindControllers(ctx context.Context, old, new Reader, oldClass, newClass string) (Controllers, error) {
	var c Controllers
	for _, side := range []struct {
		in    Reader
		class string
		into  *string
	}{{old, oldClass, &c.Old}, {new, newClass, &c.New}} {
		u, err := side.in.Read(ctx, kube.IngressClass, "", side.class)
		if apierrors.IsNotFound(err) {
			continue
		}
		if err != nil {
			return c, fmt.Errorf("find the controller of ingress class %s: %w", side.class, err)
		}
		*side.into, _, _ = unstructured.NestedString(u.Object, "spec", "controller")
	}
	return c, nil
}
