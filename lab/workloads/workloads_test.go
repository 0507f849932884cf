package workloads

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

func objectsOf[T any](t *testing.T, kind string) []*T {
	t.Helper()
	objects, err := Objects()
	if err != nil {
		t.Fatal(err)
	}
	var out []*T
	for _, o := range objects {
		if o.GetKind() != kind {
			continue
		}
		typed := new(T)
		if err := runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(o.Object, typed, true); err != nil {
			t.Errorf("%s %s/%s: %v", kind, o.GetNamespace(), o.GetName(), err)
		}
		out = append(out, typed)
	}
	if len(out) == 0 {
		t.Fatalf("no %s at all", kind)
	}
	return out
}

func TestEveryObjectHasANameAndOneOfTheNamespaces(t *testing.T) {
	objects, err := Objects()
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, o := range objects {
		key := fmt.Sprintf("%s %s/%s", o.GetKind(), o.GetNamespace(), o.GetName())
		if o.GetName() == "" || !slices.Contains(Namespaces, o.GetNamespace()) || seen[key] {
			t.Errorf("%s is nameless, outside the namespaces or there twice", key)
		}
		seen[key] = true
	}
}

func TestEveryRouteHasAClientThatKnowsWhoMustAnswer(t *testing.T) {
	services := map[string]string{} // namespace/service -> workload it selects
	for _, s := range objectsOf[corev1.Service](t, "Service") {
		services[s.Namespace+"/"+s.Name] = s.Spec.Selector["app"]
	}
	for _, ing := range mustIngresses() {
		for _, rule := range ing.Spec.Rules {
			for _, p := range rule.HTTP.Paths {
				workload := services[ing.Namespace+"/"+p.Backend.Service.Name]
				if !slices.ContainsFunc(Hosts(), func(h Host) bool {
					return h.Workload == workload && matches(rule.Host, h.Host) && strings.HasPrefix(h.Path, p.Path)
				}) {
					t.Errorf("nobody asks for %s%s of workload %q", rule.Host, p.Path, workload)
				}
			}
		}
	}
}

func TestEveryHostIsCoveredByACertificate(t *testing.T) {
	for _, h := range Hosts() {
		if !slices.ContainsFunc(Certificates(), func(c Certificate) bool {
			return slices.ContainsFunc(c.Hosts, func(name string) bool { return matches(name, h.Host) })
		}) {
			t.Errorf("no certificate for %s", h.Host)
		}
	}
}

func TestServicesAndProbesMeetAContainerPort(t *testing.T) {
	byApp := map[string]corev1.Container{}
	for _, d := range objectsOf[appsv1.Deployment](t, "Deployment") {
		c := d.Spec.Template.Spec.Containers[0]
		byApp[d.Namespace+"/"+d.Spec.Template.Labels["app"]] = c
		grace := d.Spec.Template.Spec.TerminationGracePeriodSeconds
		if grace == nil || *grace > 15 || c.ReadinessProbe == nil || c.ReadinessProbe.TimeoutSeconds != 10 {
			t.Errorf("Deployment %s/%s: grace period or readiness probe is not the lab's", d.Namespace, d.Name)
		}
		if !hasEnv(c, "WORKLOAD", d.Name) {
			t.Errorf("Deployment %s/%s does not know its own name", d.Namespace, d.Name)
		}
	}
	for _, s := range objectsOf[corev1.Service](t, "Service") {
		c, target := byApp[s.Namespace+"/"+s.Spec.Selector["app"]], s.Spec.Ports[0].TargetPort.String()
		if !slices.ContainsFunc(c.Ports, func(p corev1.ContainerPort) bool { return p.Name == target }) {
			t.Errorf("Service %s/%s leads to port %s, which no container has", s.Namespace, s.Name, target)
		}
	}
}

func hasEnv(c corev1.Container, name, value string) bool {
	return slices.ContainsFunc(c.Env, func(e corev1.EnvVar) bool { return e.Name == name && e.Value == value })
}

// matches says whether a name or a wildcard for one label covers host.
func matches(pattern, host string) bool {
	if suffix, ok := strings.CutPrefix(pattern, "*"); ok {
		label, found := strings.CutSuffix(host, suffix)
		return found && label != "" && !strings.Contains(label, ".")
	}
	return pattern == host
}
