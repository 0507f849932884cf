package parts

import (
	"cmp"
	"strconv"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"cutover.dev/cutover/pkg/ingress"
	"cutover.dev/cutover/pkg/kube"
	"cutover.dev/cutover/pkg/plan"
)

// KeeperInNew is the Ingress in new that always leads to the proxy, so that its controller keeps the backend.
func KeeperInNew(p *plan.Plan, ns string) (*unstructured.Unstructured, error) {
	return keeper(ns, p.Spec.Entry.New.IngressClass, ingress.ProxyService, portName, ingress.Keeper(ns, p.Metadata.Name))
}

// KeeperInOld is the one Ingress in old that leads the keeper hosts of all namespaces to the echo.
func KeeperInOld(d Deps) (*unstructured.Unstructured, error) {
	var hosts []string
	for _, ns := range d.Plan.Spec.Namespaces {
		hosts = append(hosts, ingress.Keeper(ns, d.Name()))
	}
	return keeper(d.EchoNamespace(), d.Plan.Spec.Entry.Old.IngressClass, EchoName, portName, hosts...)
}

// KeepName is the Ingress in old that keeps every backend that a tail switches between.
const KeepName = "cutover-keep"

// KeepInOld is the Ingress in each namespace of old that leads odd, exact paths of a host of ours to every Service with
// routes and to the tail. Nobody asks for them: they are there so that old's controller always has these backends. One
// that gets a backend and the route to it at the same moment may obey the route first and answer 503 in between; that
// was seen with Contour and Envoy when a tail was taken back.
func KeepInOld(d Deps, ns string) (*unstructured.Unstructured, error) {
	as := networkingv1.PathTypeExact
	var paths []networkingv1.HTTPIngressPath
	seen := map[string]bool{}
	add := func(service string, port networkingv1.ServiceBackendPort) {
		path := "/.cutover-keep/" + service + "/" + cmp.Or(port.Name, strconv.Itoa(int(port.Number)))
		if seen[path] || service == "" {
			return
		}
		seen[path] = true
		paths = append(paths, networkingv1.HTTPIngressPath{Path: path, PathType: &as, Backend: networkingv1.IngressBackend{
			Service: &networkingv1.IngressServiceBackend{Name: service, Port: port},
		}})
	}
	if _, ok := Tail(d.Plan); ok {
		add(ingress.TailService, networkingv1.ServiceBackendPort{Name: portName})
	}
	for i := range d.Inventory.Ingresses {
		if ing := &d.Inventory.Ingresses[i].Object; ing.Namespace == ns {
			for _, r := range ingress.Routes(ing) {
				add(r.Service, r.Port)
			}
		}
	}
	out := &networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: KeepName, Annotations: undirected()}}
	if class := d.Plan.Spec.Entry.Old.IngressClass; class != "" {
		out.Spec.IngressClassName = &class
	}
	out.Spec.Rules = []networkingv1.IngressRule{{
		Host:             "keep-" + ns + "." + d.Name() + ".cutover.internal",
		IngressRuleValue: networkingv1.IngressRuleValue{HTTP: &networkingv1.HTTPIngressRuleValue{Paths: paths}},
	}}
	return kube.From(kube.Ingress, out)
}

// undirected are the annotations that keep external-dns away: our hosts are nobody's names.
func undirected() map[string]string {
	off := map[string]string{}
	for _, prefix := range []string{"external-dns.alpha.kubernetes.io", "external-dns.kubernetes.io"} {
		off[prefix+"/controller"] = ingress.Disabled
	}
	return off
}

func keeper(ns, class, service, port string, hosts ...string) (*unstructured.Unstructured, error) {
	as := networkingv1.PathTypePrefix
	ing := &networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: ingress.KeeperIngress, Annotations: undirected()}}
	if class != "" {
		ing.Spec.IngressClassName = &class
	}
	for _, host := range hosts {
		ing.Spec.Rules = append(ing.Spec.Rules, networkingv1.IngressRule{
			Host: host,
			IngressRuleValue: networkingv1.IngressRuleValue{HTTP: &networkingv1.HTTPIngressRuleValue{Paths: []networkingv1.HTTPIngressPath{{
				Path: "/", PathType: &as,
				Backend: networkingv1.IngressBackend{Service: &networkingv1.IngressServiceBackend{
					Name: service, Port: networkingv1.ServiceBackendPort{Name: port},
				}},
			}}}},
		})
	}
	return kube.From(kube.Ingress, ing)
}
