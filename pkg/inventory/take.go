package inventory

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"cutover.dev/cutover/pkg/kube"
)

// Reader is the part of a *kube.Cluster that this package reads with.
type Reader interface {
	Walk(ctx context.Context, k kube.Kind, ns string, f func(*unstructured.Unstructured) error) error
	WalkHeads(ctx context.Context, k kube.Kind, ns, fields string, f func(*unstructured.Unstructured) error) error
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

// listed is one namespace without cutover's own: the objects by kind, and of what runs only whose it is.
type listed struct {
	of   map[kube.Kind][]*unstructured.Unstructured
	runs []runner
}

// Take reads what is in the namespaces of old. An object that cannot be read, or a kind that may not be listed, is an
// error: a hole in the inventory would pass for "nothing there". Namespaces are taken in the order of their names.
func Take(ctx context.Context, old Reader, namespaces []string) (*Inventory, error) {
	scope := slices.Compact(slices.Sorted(slices.Values(namespaces)))
	all, each := make([]listed, len(scope)), make([]Inventory, len(scope))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for i, ns := range scope {
		group.Go(func() (err error) {
			if all[i], err = list(ctx, old, ns); err != nil {
				return err
			}
			if err := each[i].namespace(all[i]); err != nil {
				return fmt.Errorf("namespace %s: %w", ns, err)
			}
			all[i].forget()
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, fmt.Errorf("take the inventory of old: %w", err)
	}
	inv := &Inventory{FrozenAt: time.Now().UTC().Truncate(time.Second), Namespaces: scope, Seals: map[string]string{}}
	for i := range each {
		inv.Ingresses, inv.Services = append(inv.Ingresses, each[i].Ingresses...), append(inv.Services, each[i].Services...)
		inv.Workloads, inv.Unmovable = append(inv.Workloads, each[i].Workloads...), append(inv.Unmovable, each[i].Unmovable...)
		maps.Copy(inv.Seals, each[i].Seals)
	}
	if err := inv.findCalls(all); err != nil { // after all: a call may lead to any namespace in scope
		return nil, fmt.Errorf("take the inventory of old: %w", err)
	}
	return inv, nil
}

// forget drops what is in the inventory by now and no call is read from: as the server sent it an Ingress takes five times as much
// memory, and there may be thousands.
func (l *listed) forget() {
	for _, kind := range []kube.Kind{kube.Ingress, kube.Service, kube.HPA, kube.PDB} {
		delete(l.of, kind)
	}
	l.runs = nil
}

// list reads one namespace. Nothing of it is watched: it is looked at once, and Pods are many.
func list(ctx context.Context, old Reader, ns string) (l listed, err error) {
	l.of = map[kube.Kind][]*unstructured.Unstructured{}
	for _, kind := range Taken {
		take := func(u *unstructured.Unstructured) error {
			switch {
			case u.GetLabels()[kube.LabelManaged] == kube.Manager:
			case kind == kube.Pod || kind == kube.Job:
				r := runnerOf(u)
				r.ended = kind == kube.Job && !running(u)
				l.runs = append(l.runs, r)
			default:
				l.of[kind] = append(l.of[kind], u)
			}
			return nil
		}
		if kind == kube.Pod {
			err = old.WalkHeads(ctx, kind, ns, "status.phase!=Succeeded,status.phase!=Failed", take)
		} else {
			err = old.Walk(ctx, kind, ns, take)
		}
		if err != nil {
			return l, err
		}
		slices.SortFunc(l.of[kind], func(a, b *unstructured.Unstructured) int { return compareStrings(a.GetName(), b.GetName()) })
	}
	return l, nil
}

func (inv *Inventory) namespace(l listed) error {
	for _, u := range l.of[kube.Ingress] {
		ing, err := ingressOf(u)
		if err != nil {
			return err
		}
		inv.Ingresses = append(inv.Ingresses, *ing)
	}
	for _, u := range l.of[kube.Service] {
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
		for _, u := range l.of[kind] {
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
