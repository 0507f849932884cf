package link

import (
	"context"
	"fmt"
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"cutover.dev/cutover/pkg/fault"
	"cutover.dev/cutover/pkg/kube"
)

// The kinds of ranges.
const (
	pods     = "pods"
	services = "Services"
	nodes    = "nodes"
)

// Ranges are the addresses that a cluster uses inside, as far as its API server shows them.
type Ranges struct {
	Pods     []netip.Prefix `json:"pods,omitempty"`
	Services []netip.Prefix `json:"services,omitempty"`
	Nodes    []netip.Prefix `json:"nodes,omitempty"`
	Hidden   []string       `json:"hidden,omitempty"` // the kinds of which nothing is shown
}

// rangesOf reads the nodes of a cluster and its ranges for Services.
func rangesOf(ctx context.Context, c *kube.Cluster) (r Ranges, err error) {
	seen := 0
	err = c.Walk(ctx, kube.Node, "", func(u *unstructured.Unstructured) error {
		node, err := kube.As[corev1.Node](u)
		if err != nil {
			return err
		}
		seen++
		for _, a := range node.Status.Addresses {
			if ip, err := netip.ParseAddr(a.Address); err == nil && a.Type == corev1.NodeInternalIP {
				r.Nodes = append(r.Nodes, netip.PrefixFrom(ip, ip.BitLen()))
			}
		}
		r.Pods = append(r.Pods, parsed(append(node.Spec.PodCIDRs, node.Spec.PodCIDR))...)
		return nil
	})
	if err != nil {
		return r, err
	}
	if seen == 0 { // somebody runs the relay
		return r, fault.New(fault.Unsure, "", "the API server of %s shows no node, so it is not known which addresses it uses", c.Env())
	}
	if r.Services, err = serviceRanges(ctx, c); err != nil {
		return r, err
	}
	r.Pods, r.Nodes, r.Services = condensed(r.Pods), condensed(r.Nodes), condensed(r.Services)
	for kind, all := range r.kinds() {
		if len(all) == 0 {
			r.Hidden = append(r.Hidden, kind)
		}
	}
	slices.Sort(r.Hidden)
	return r, nil
}

func (r Ranges) kinds() map[string][]netip.Prefix {
	return map[string][]netip.Prefix{pods: r.Pods, services: r.Services, nodes: r.Nodes}
}

// serviceRanges are the ServiceCIDRs. Before Kubernetes 1.33 there are none, and the ranges are hidden: only the arguments of an API
// server have them, and who may see these sees more than anybody needs here.
func serviceRanges(ctx context.Context, c *kube.Cluster) (all []netip.Prefix, err error) {
	err = c.Walk(ctx, kube.ServiceCIDR, "", func(u *unstructured.Unstructured) error {
		cidr, err := kube.As[networkingv1.ServiceCIDR](u)
		if err == nil {
			all = append(all, parsed(cidr.Spec.CIDRs)...)
		}
		return err
	})
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	return all, err
}

func parsed(texts []string) (all []netip.Prefix) {
	for _, t := range texts {
		if p, err := netip.ParsePrefix(t); err == nil {
			all = append(all, p.Masked())
		}
	}
	return all
}

// condensed are the fewest ranges for the same addresses, sorted: each node has one of its own.
func condensed(all []netip.Prefix) []netip.Prefix {
	var out []netip.Prefix
	all = slices.Clone(all)
	slices.SortFunc(all, func(a, b netip.Prefix) int {
		if by := a.Addr().Compare(b.Addr()); by != 0 {
			return by
		}
		return a.Bits() - b.Bits()
	})
	for _, p := range all {
		out = append(out, p)
		for len(out) > 1 {
			a, b := out[len(out)-2], out[len(out)-1]
			if a.Bits() <= b.Bits() && a.Contains(b.Addr()) {
				out = out[:len(out)-1]
				continue
			}
			whole, err := a.Addr().Prefix(a.Bits() - 1)
			if err != nil || a.Bits() != b.Bits() || !whole.Contains(b.Addr()) || whole.Addr() != a.Addr() {
				break
			}
			out = append(out[:len(out)-2], whole)
		}
	}
	return out
}

// texts is ranges as people write them: an address alone without its length.
func texts(all []netip.Prefix) (out []string) {
	for _, p := range all {
		if p.IsSingleIP() {
			out = append(out, p.Addr().String())
			continue
		}
		out = append(out, p.String())
	}
	return out
}

// overlaps names the ranges of old that have addresses in common with one of new.
func overlaps(old, next Ranges) (all []string) {
	for _, a := range []string{pods, services, nodes} {
		for _, b := range []string{pods, services, nodes} {
			for _, p := range old.kinds()[a] {
				for _, q := range next.kinds()[b] {
					if p.Overlaps(q) {
						all = append(all, fmt.Sprintf("%s of old (%s) and %s of new (%s)", a, texts([]netip.Prefix{p})[0], b, texts([]netip.Prefix{q})[0]))
					}
				}
			}
		}
	}
	return all
}

// own says to which of its own addresses a side would take one of these, "" for none: what it dials there never leaves it.
func (r Ranges) own(addresses []string) string {
	for _, text := range addresses {
		ip, err := netip.ParseAddr(text)
		if err != nil {
			continue
		}
		for _, kind := range []string{services, pods, nodes} {
			for _, p := range r.kinds()[kind] {
				if p.Contains(ip.Unmap()) {
					return fmt.Sprintf("%s is one of its own %s (%s)", text, kind, texts([]netip.Prefix{p})[0])
				}
			}
		}
	}
	return ""
}
