package parts

import (
	"context"
	"fmt"
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/intstr"

	"cutover.dev/cutover/pkg/ingress"
	"cutover.dev/cutover/pkg/kube"
	"cutover.dev/cutover/pkg/phase"
	"cutover.dev/cutover/pkg/plan"
)

// EchoName is the Deployment and the Service of the pod behind the keeper host; EchoPort is where it listens.
const (
	EchoName = "cutover-echo"
	EchoPort = 8080
	portName = "http" // of every Service and slice here: controllers find one by the other's name
)

// Backend is one end of a wire between the clusters: the Service name in front of it, and where it leads.
type Backend struct {
	Service   string
	Addresses []string
	Hostname  *Hostname // resolved whenever the object is looked at; nil: there is none
	Port      int
}

// Proxy is the backend in new that leads to the bridge.
func (d Deps) Proxy() Backend {
	b := d.Plan.Spec.Bridge
	proxy := Backend{Service: ingress.ProxyService, Addresses: b.Addresses, Port: b.Port}
	if b.Hostname != "" {
		proxy.Hostname = NewHostname(b.Hostname, d.Reach.From(phase.New).LookupHost)
	}
	return proxy
}

// Tail is the backend in old that leads to the inner entry of new; false without a tail in the plan.
func Tail(p *plan.Plan) (Backend, bool) {
	if p.Spec.Tail == nil {
		return Backend{}, false
	}
	return Backend{Service: ingress.TailService, Addresses: p.Spec.Tail.Addresses, Port: p.Spec.Tail.Port}, true
}

// ServiceIn is its Service in a namespace: without a selector, nobody but us keeps its endpoints.
func (b Backend) ServiceIn(ns string) (*unstructured.Unstructured, error) {
	return kube.From(kube.Service, &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: b.Service},
		Spec: corev1.ServiceSpec{Ports: []corev1.ServicePort{{
			Name: portName, Port: 80, TargetPort: intstr.FromInt(b.Port), Protocol: corev1.ProtocolTCP,
		}}},
	})
}

// Families lists the kinds of addresses that need a slice each. A hostname stands for IPv4.
func (b Backend) Families() []discoveryv1.AddressType {
	var all []discoveryv1.AddressType
	for _, f := range []discoveryv1.AddressType{discoveryv1.AddressTypeIPv4, discoveryv1.AddressTypeIPv6} {
		if len(only(f, b.Addresses)) > 0 || b.Hostname != nil && f == discoveryv1.AddressTypeIPv4 {
			all = append(all, f)
		}
	}
	return all
}

// SliceName is the name of the slice of one family: it begins with the Service's name, some controllers go by that.
func (b Backend) SliceName(f discoveryv1.AddressType) string {
	if f == discoveryv1.AddressTypeIPv6 {
		return b.Service + "-2"
	}
	return b.Service + "-1"
}

// SliceNames are the names of all its slices.
func (b Backend) SliceNames() []string {
	var names []string
	for _, f := range b.Families() {
		names = append(names, b.SliceName(f))
	}
	return names
}

// SliceIn is its EndpointSlice of one family in a namespace.
func (b Backend) SliceIn(ctx context.Context, ns string, f discoveryv1.AddressType) (*unstructured.Unstructured, error) {
	addresses, err := b.resolve(ctx, f)
	if err != nil {
		return nil, err
	}
	yes, name, protocol, port := true, portName, corev1.ProtocolTCP, int32(b.Port) //nolint:gosec // a port
	slice := &discoveryv1.EndpointSlice{
		ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: b.SliceName(f), Labels: map[string]string{
			discoveryv1.LabelServiceName: b.Service, discoveryv1.LabelManagedBy: kube.Manager,
		}},
		AddressType: f,
		Ports:       []discoveryv1.EndpointPort{{Name: &name, Protocol: &protocol, Port: &port}},
	}
	for _, a := range addresses {
		slice.Endpoints = append(slice.Endpoints, discoveryv1.Endpoint{
			Addresses: []string{a}, Conditions: discoveryv1.EndpointConditions{Ready: &yes, Serving: &yes},
		})
	}
	return kube.From(kube.EndpointSlice, slice)
}

func (b Backend) resolve(ctx context.Context, f discoveryv1.AddressType) ([]string, error) {
	addresses, name := b.Addresses, b.Service
	if b.Hostname != nil {
		found, err := b.Hostname.Leads(ctx)
		if err != nil {
			return nil, err
		}
		addresses, name = append(addresses[:len(addresses):len(addresses)], found...), b.Hostname.String()
	}
	addresses = only(f, addresses)
	slices.Sort(addresses)
	if addresses = slices.Compact(addresses); len(addresses) == 0 {
		return nil, fmt.Errorf("find the addresses of %s: there is no %s address", name, f)
	}
	return addresses, nil
}

func only(f discoveryv1.AddressType, addresses []string) []string {
	var all []string
	for _, a := range addresses {
		ip, err := netip.ParseAddr(a)
		if err == nil && ip.Unmap().Is4() == (f == discoveryv1.AddressTypeIPv4) {
			all = append(all, ip.Unmap().String())
		}
	}
	return all
}
