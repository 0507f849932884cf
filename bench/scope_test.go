package bench

import (
	"fmt"

	"cutover.dev/cutover/pkg/plan"
)

// scope is how much there is in old. Everything in it follows from these numbers, so that a child knows it too.
type scope struct {
	Ingresses, Workloads int // spread over the namespaces
	Namespaces           int
	Waves                int
}

func (s scope) namespace(i int) string { return fmt.Sprintf("bench-%02d", i%s.Namespaces) }

func (s scope) namespaces() []string {
	var all []string
	for i := range s.Namespaces {
		all = append(all, s.namespace(i))
	}
	return all
}

// service is the Service that an Ingress leads to.
func (s scope) service(ingress int) string {
	perNamespace := max(s.Workloads/s.Namespaces, 1)
	return app(ingress / s.Namespaces % perNamespace)
}

func app(i int) string { return fmt.Sprintf("app-%03d", i) }

// plan moves all of it.
func (s scope) plan() *plan.Plan {
	p := &plan.Plan{Metadata: plan.Metadata{Name: "bench"}}
	p.Spec.Namespaces = s.namespaces()
	p.Spec.State.Namespace = "cutover-system"
	p.Spec.Entry.Old = plan.Entry{Addresses: []string{"192.0.2.1"}, IngressClass: "main"}
	p.Spec.Entry.New = plan.Entry{Addresses: []string{"192.0.2.2"}, IngressClass: "main"}
	p.Spec.Bridge = plan.Bridge{Addresses: []string{"192.0.2.3"}, Port: 8080, Marker: "4f9c2a7e", Echo: plan.Echo{Image: "cutover", Namespace: "cutover-system"}}
	p.Spec.Tail = &plan.Tail{Addresses: []string{"192.0.2.4"}, Port: 8080, Marker: "9b3e6d10"}
	p.Spec.Probe = plan.Probe{Rate: 50, Samples: 50, Latency: 1.5}
	for i := range max(s.Waves, 1) {
		p.Spec.Waves = append(p.Spec.Waves, plan.Wave{Name: fmt.Sprintf("wave-%d", i)})
	}
	for i := range s.Workloads {
		w := &p.Spec.Waves[i%len(p.Spec.Waves)]
		ref := plan.Ref{Namespace: s.namespace(i), Kind: "Deployment", Name: app(i / s.Namespaces)}
		w.Workloads = append(w.Workloads, plan.Workload{Ref: ref})
	}
	return p
}
