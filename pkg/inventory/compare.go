package inventory

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"

	"cutover.dev/cutover/pkg/ingress"
)

// What happened to an object between two inventories.
const (
	Appeared = "appeared"
	Vanished = "vanished"
	Changed  = "changed"
)

// Change is one difference between what was frozen and what is there.
type Change struct {
	What   string `json:"what"` // Appeared, Vanished or Changed
	Object string `json:"object"`
	Detail string `json:"detail,omitempty"` // of a change: one field, before and after
}

func (c Change) String() string {
	if c.Detail == "" {
		return c.Object + " " + c.What
	}
	return c.Object + " " + c.What + ": " + c.Detail
}

// Compare says what appeared, vanished or changed since frozen was taken: hosts, paths, Services, workloads. What
// cutover itself does to old is no change: its own objects are not in an inventory, tailed backends are read as what
// they were, and replicas, a suspended CronJob and what scales a workload are not looked at.
func Compare(frozen, live *Inventory) []Change {
	before, now := frozen.facts(nil), live.facts(frozen)
	var out []Change
	for _, object := range slices.Sorted(maps.Keys(before)) {
		if now[object] == nil {
			out = append(out, Change{Vanished, object, ""})
			continue
		}
		out = append(out, changed(object, before[object], now[object])...)
	}
	for _, object := range slices.Sorted(maps.Keys(now)) {
		if before[object] == nil {
			out = append(out, Change{Appeared, object, ""})
		}
	}
	return out
}

// CompareIngress says what somebody else changed in one Ingress of old since it was frozen, as Compare does.
func CompareIngress(frozen *Ingress, live *networkingv1.Ingress) []Change {
	now := ingress.Untailed(live, &frozen.Object)
	return changed("ingress "+frozen.Name().String(), ingressFacts(&frozen.Object, frozen.Class), ingressFacts(now, classOf(now)))
}

func changed(object string, before, now facts) []Change {
	keys := maps.Clone(before)
	maps.Copy(keys, now)
	var out []Change
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		was, there := before[key]
		is, still := now[key]
		switch {
		case was == is && there == still:
		case strings.HasPrefix(key, "annotation "): // its value may be a secret
			out = append(out, Change{Changed, object, key})
		default:
			out = append(out, Change{Changed, object, strings.TrimSpace(fmt.Sprintf("%s: %s -> %s", key, or(was, there), or(is, still)))})
		}
	}
	return out
}

func or(value string, there bool) string {
	if !there {
		return "(none)"
	}
	return value
}

// facts are the fields of one object that count, by name.
type facts map[string]string

// facts lists the facts of all objects. With frozen, tails are read as what frozen says was there.
func (inv *Inventory) facts(frozen *Inventory) map[string]facts {
	out := map[string]facts{}
	for i := range inv.Ingresses {
		object := &inv.Ingresses[i].Object
		if frozen != nil {
			if was, ok := frozen.Ingress(object.Namespace, object.Name); ok {
				object = ingress.Untailed(object, &was.Object)
			}
		}
		out["ingress "+ingress.NameOf(object).String()] = ingressFacts(object, inv.Ingresses[i].Class)
	}
	for _, s := range inv.Services {
		f := facts{"type": s.Type, "selector": pairs(s.Selector), "external name": s.ExternalName, "headless": fmt.Sprint(s.Headless)}
		for _, p := range s.Ports {
			f[fmt.Sprintf("port %d/%s", p.Number, p.Protocol)] = strings.TrimSpace(p.Name + " to " + p.Target)
		}
		out["service "+s.Name.String()] = f
	}
	for _, w := range inv.Workloads {
		f := facts{"pod labels": pairs(w.Labels), "volumes": strings.Join(append(slices.Clone(w.Claims), w.HostPaths...), " ")}
		for _, p := range w.Ports {
			f[fmt.Sprintf("port %d/%s", p.Number, p.Protocol)] = p.Name
		}
		for _, need := range w.Needs {
			f["needs "+need] = "yes"
		}
		out["workload "+w.Ref.String()] = f
	}
	return out
}

func ingressFacts(object *networkingv1.Ingress, class string) facts {
	f := facts{"class": class}
	for _, r := range ingress.Routes(object) {
		port := r.Port.Name
		if port == "" {
			port = fmt.Sprint(r.Port.Number)
		}
		key := fmt.Sprintf("path %s%s (%s)", r.Host, r.Path, r.PathType)
		if r.PathType == "" {
			key = "default backend"
		}
		f[key] = strings.TrimSpace(f[key] + " " + r.Service + ":" + port)
	}
	for _, t := range object.Spec.TLS {
		for _, host := range t.Hosts {
			f["certificate of "+host] = t.SecretName
		}
	}
	for key, value := range object.Annotations {
		if ingress.Matters(key) {
			f["annotation "+key] = value
		}
	}
	return f
}

func pairs(m map[string]string) string {
	var out []string
	for _, key := range slices.Sorted(maps.Keys(m)) {
		out = append(out, key+"="+m[key])
	}
	return strings.Join(out, ",")
}
