package migrate

import (
	"context"
	"fmt"
	"net"
	"time"

	discoveryv1 "k8s.io/api/discovery/v1"

	"cutover.dev/cutover/pkg/ingress"
	"cutover.dev/cutover/pkg/kube"
	"cutover.dev/cutover/pkg/phase"
	"cutover.dev/cutover/pkg/plan"
	"cutover.dev/cutover/pkg/probe"
)

const (
	warmPods = 10 // of one Service at most: more prove nothing new
	warmAsks = 3  // per pod and path
)

// warm asks the new pods directly, through the API server's port-forward, before any client does: a pod that is ready
// but answers 5xx must not take a route, and the first client should not pay for cold caches.
func (m wave) warm(ref plan.Ref) phase.Step {
	return phase.Step{
		ID: "warm:new/" + ref.String(), Title: fmt.Sprintf("ask the pods of %s in new directly", ref), Limit: m.ready(), Knob: "windows.ready",
		Observe: func(ctx context.Context) (phase.Observation, error) {
			asked := 0
			for _, r := range m.Inventory.RoutesOf(ref) {
				pods, err := m.podsBehind(ctx, r)
				if err != nil {
					return phase.Observation{}, err
				}
				for _, p := range pods {
					bad := m.askPod(ctx, r, p)
					if ctx.Err() != nil { // cut off by the end of the wait: what was seen before says more
						return phase.Observation{}, context.Cause(ctx)
					}
					if bad != "" {
						look := lookAt(m.New.Env(), r.Ingress.Namespace, "logs "+p.name+" --all-containers", "describe pod "+p.name)
						return phase.Observation{State: phase.Pending, Detail: bad, Hints: []string{look}}, nil
					}
					asked += warmAsks
				}
			}
			if asked == 0 {
				return phase.Observation{State: phase.Settling, Detail: "no ready pod to ask: no evidence"}, nil
			}
			return phase.Observation{State: phase.Done, Detail: fmt.Sprintf("%d requests answered by the pods themselves", asked)}, nil
		},
	}
}

// podAt is a ready pod behind a Service, and the port that it listens on.
type podAt struct {
	name string
	port int
}

func (m wave) podsBehind(ctx context.Context, r ingress.Route) ([]podAt, error) {
	all, err := slicesOf(ctx, m.New, r.Ingress.Namespace, r.Service)
	if err != nil {
		return nil, err
	}
	var pods []podAt
	for _, u := range all {
		s, err := kube.As[discoveryv1.EndpointSlice](u)
		if err != nil {
			return nil, err
		}
		for _, p := range s.Ports {
			if p.Port == nil || !m.serves(r, p.Name) {
				continue
			}
			for _, e := range s.Endpoints {
				if e.Conditions.Ready != nil && *e.Conditions.Ready && e.TargetRef != nil && len(pods) < warmPods {
					pods = append(pods, podAt{e.TargetRef.Name, int(*p.Port)})
				}
			}
		}
	}
	return pods, nil
}

// serves says whether a port of a slice, known by the name of the Service's port, is the one that the route leads to.
func (m wave) serves(r ingress.Route, name *string) bool {
	s, ok := m.Inventory.Service(ingress.Name{Namespace: r.Ingress.Namespace, Name: r.Service})
	if !ok {
		return false
	}
	for _, p := range s.Ports {
		if (r.Port.Name != "" && p.Name == r.Port.Name || r.Port.Number != 0 && p.Number == r.Port.Number) &&
			(name == nil && p.Name == "" || name != nil && p.Name == *name) {
			return true
		}
	}
	return false
}

// askPod says what is wrong with a pod's answers, "" if nothing is.
func (m wave) askPod(ctx context.Context, r ingress.Route, p podAt) string {
	host, path := r.Ask()
	t := probe.Target{
		Name: p.name + " " + host + path, Addr: p.name, Host: host, Path: path, Timeout: 20 * time.Second,
		Header: map[string]string{"X-Forwarded-Proto": "https", "X-Forwarded-Host": host},
		Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return m.New.Dial(ctx, r.Ingress.Namespace, p.name, p.port)
		},
	}
	for range warmAsks {
		a := probe.Ask(ctx, t)
		if a.Class != probe.Answered {
			return fmt.Sprintf("%s: no answer (%s): %v", t.Label(), a.Class, a.Err)
		}
		if a.Status >= 500 {
			return fmt.Sprintf("%s: ready, but answers %d", t.Label(), a.Status)
		}
	}
	return ""
}
