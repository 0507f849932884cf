package cli

import (
	"context"
	"errors"
	"time"

	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"cutover.dev/cutover/pkg/ingress"
	"cutover.dev/cutover/pkg/inventory"
	"cutover.dev/cutover/pkg/kube"
	"cutover.dev/cutover/pkg/report"
)

// looking is how long finding out who serves what may take.
const looking = 5 * time.Second

// served says who answers each path of the inventory now, or nothing where that cannot be had: it is a help, not a
// result. A run that was asked to stop does not wait for it, because its time belongs to the report itself.
func (s *session) served(ctx context.Context) []report.Served {
	if s.call.flags.BreakGlass != "" { // new is gone, and nobody settled where its kubeconfig leads
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, looking)
	defer cancel()
	inv, err := s.known(ctx)
	if err != nil {
		return nil
	}
	var all []report.Served
	for _, entry := range inv.Ingresses {
		inNew, err := liveIngress(ctx, s.new, entry.Name())
		if err != nil {
			return nil
		}
		inOld, err := liveIngress(ctx, s.old, entry.Name())
		if err != nil {
			return nil
		}
		all = append(all, servedNow(&entry.Object, inNew, inOld)...)
	}
	return all
}

// known is the inventory that this run works with or, if it did not get that far, the frozen one.
func (s *session) known(ctx context.Context) (*inventory.Inventory, error) {
	if s.inv == nil {
		if err := s.thaw(ctx); err != nil {
			return nil, err
		}
	}
	if s.inv == nil {
		return nil, errors.New("nothing is frozen")
	}
	return s.inv, nil
}

// liveIngress returns an Ingress as it is now; nil is one that is not there.
func liveIngress(ctx context.Context, c *kube.Cluster, name ingress.Name) (*networkingv1.Ingress, error) {
	u, err := c.Get(ctx, kube.Ingress, name.Namespace, name.Name)
	switch {
	case apierrors.IsNotFound(err):
		return nil, nil
	case err != nil:
		return nil, err
	}
	return kube.As[networkingv1.Ingress](u)
}

// spot is where a route is: what stays the same when its backend changes.
type spot struct{ host, path, as string }

// servedNow says who answers each path of old's frozen Ingress, given what both clusters have under its name now; nil is
// none.
func servedNow(frozen, inNew, inOld *networkingv1.Ingress) []report.Served {
	var moved map[string]bool
	if inNew != nil {
		moved = ingress.Moved(frozen, inNew)
	}
	front, back := backends(inNew), backends(inOld)
	var all []report.Served
	for _, r := range ingress.Routes(frozen) {
		at := spot{r.Host, r.Path, r.PathType}
		leads, listed := front[at]
		row := report.Served{Host: r.Host, Path: r.Path, Service: r.Service, Tail: back[at] == ingress.TailService}
		switch {
		case inNew == nil && inOld != nil:
			row.By = "old"
		case inNew == nil: // in neither: nobody is known to answer
		case moved[r.Service]:
			row.By = "new"
		case leads == ingress.ProxyService, !listed && r.Regex: // the proxy takes what a host does not list
			row.By = "proxy"
		}
		all = append(all, row)
	}
	return all
}

// backends names the Service behind each path of an Ingress.
func backends(ing *networkingv1.Ingress) map[spot]string {
	out := map[spot]string{}
	if ing == nil {
		return out
	}
	for _, r := range ingress.Routes(ing) {
		out[spot{r.Host, r.Path, r.PathType}] = r.Service
	}
	return out
}
