package names

import (
	"context"
	"regexp"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"cutover.dev/cutover/pkg/kube"
)

// makes says which template of an external-dns could make one of the hosts, and which.
func (w writer) makes(hosts []string) (template, host string) {
	for _, t := range w.flags["fqdn-template"] {
		for one := range strings.SplitSeq(strings.ToLower(t), ",") {
			begin, end := fixed(strings.TrimSpace(one), branches.MatchString(t))
			for _, h := range hosts {
				if one != "" && strings.HasPrefix(h, begin) && strings.HasSuffix(h, end) && w.passes([]string{h}) != "" {
					return t, h
				}
			}
		}
	}
	return "", ""
}

// branches are the actions of a template that make what stands around them uncertain too.
var branches = regexp.MustCompile(`\{\{-?\s*(if|else|range|with|define|block|template)\b`)

// fixed is what every name that one part of a template makes begins and ends with. What an action makes could be anything.
func fixed(one string, branched bool) (begin, end string) {
	first, last := strings.Index(one, "{{"), strings.LastIndex(one, "}}")
	switch {
	case branched, first < 0 != (last < 0): // or a comma stood in an action
		return "", ""
	case first < 0:
		return strings.Trim(one, "."), strings.Trim(one, ".")
	}
	return one[:first], strings.TrimSuffix(one[last+len("}}"):], ".")
}

// serviceOn finds a Service that asks for one of the hosts, in whichever namespace this external-dns reads: that of an ingress
// controller often does.
func (w writer) serviceOn(ctx context.Context, c *kube.Cluster, hosts []string) (on string, err error) {
	err = c.Walk(ctx, kube.Service, "", func(u *unstructured.Unstructured) error {
		if own := w.flags["namespace"]; len(own) > 0 && own[0] != "" && !slices.Contains(own, u.GetNamespace()) || w.off(u.GetAnnotations()) {
			return nil
		}
		if asksFor(u.GetAnnotations(), hosts) {
			on = "Service " + u.GetNamespace() + "/" + u.GetName()
		}
		return nil
	})
	return on, err
}

// asksFor: one of the annotations names a host.
func asksFor(annotations map[string]string, hosts []string) bool {
	for key, value := range annotations {
		if !strings.HasSuffix(key, "/hostname") && !strings.HasSuffix(key, "/internal-hostname") {
			continue
		}
		for host := range strings.SplitSeq(value, ",") {
			if slices.Contains(hosts, strings.ToLower(strings.Trim(strings.TrimSpace(host), "."))) {
				return true
			}
		}
	}
	return false
}
