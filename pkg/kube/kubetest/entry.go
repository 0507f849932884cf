package kubetest

import (
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"

	"golang.org/x/sync/singleflight"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
)

// Entry plays the ingress of the cluster, and everything behind it: it looks up in the Ingresses, as they are stored at
// about that moment, to which Service a request leads, and answers 200 itself. Where that is one of marks, the answer
// carries its X-Cutover-Via, as if it had gone through the bridge or the inner entry. It knows no TLS, annotations or
// classes, asks no endpoints and has no controller's delay: those are the lab's to show. It returns its port on loopback.
func (c *Cluster) Entry(marks map[string]string) (port int) {
	var asked singleflight.Group // requests that come together look once: a prober does not wait for answers
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		all, err, _ := asked.Do("", func() (any, error) { return c.stored("ingress/") })
		stored, ok := all.(map[string]*unstructured.Unstructured)
		if err != nil || !ok {
			http.Error(w, "the test is over, or its server is", http.StatusServiceUnavailable)
			return
		}
		service := leads(stored, r.Host, r.URL.Path)
		if service == "" {
			http.NotFound(w, r)
			return
		}
		if mark := marks[service]; mark != "" {
			w.Header().Set("X-Cutover-Via", mark)
		}
		from := r.Header.Get("X-Forwarded-For") // of what stands before it
		if from == "" {
			from, _, _ = net.SplitHostPort(r.RemoteAddr)
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]string{"forwardedFor": from, "forwardedProto": "http"})
	}))
	c.t.Cleanup(front.Close)
	addr, ok := front.Listener.Addr().(*net.TCPAddr)
	if !ok {
		c.t.Fatalf("the entry has no port: %s", front.Listener.Addr())
	}
	return addr.Port
}

// leads is the Service of the longest path that fits, "" if none does.
func leads(ingresses map[string]*unstructured.Unstructured, host, path string) (service string) {
	best := -1
	for _, u := range ingresses {
		ing := &networkingv1.Ingress{}
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(u.Object, ing); err != nil {
			return ""
		}
		for _, rule := range ing.Spec.Rules {
			if rule.Host != host || rule.HTTP == nil {
				continue
			}
			for _, p := range rule.HTTP.Paths {
				exact := p.PathType != nil && *p.PathType == networkingv1.PathTypeExact
				if fits := path == p.Path || !exact && strings.HasPrefix(path, p.Path); fits && len(p.Path) > best && p.Backend.Service != nil {
					service, best = p.Backend.Service.Name, len(p.Path)
				}
			}
		}
	}
	return service
}
