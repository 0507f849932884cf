package ingress

import (
	networkingv1 "k8s.io/api/networking/v1"
)

// Tailed returns old's own Ingress as it is to be when the Services for which moved is true are served by new: their
// backends become TailService, so that clients that still come to old's entry are sent on. When all of it has moved, the
// annotations that new applies from then on (see table.go) leave old's copy: a path that is rewritten in old and again in
// new leads nowhere. Everything else stays as it is in old.
func Tailed(old *networkingv1.Ingress, moved func(service string) bool) *networkingv1.Ingress {
	out := old.DeepCopy()
	local := settled(old, moved)
	if everything(old, local) {
		for key := range old.Annotations {
			if treatmentOf(key) == restore {
				delete(out.Annotations, key)
			}
		}
	}
	eachBackend(out, func(_ place, b *networkingv1.IngressBackend) {
		if b.Service != nil && local(b.Service.Name) {
			b.Service = named(TailService)
		}
	})
	return out
}

// Untailed returns live, old's Ingress as it is now, with what Tailed did to it undone by means of the frozen one. What
// is different for any other reason stays, so that comparing the result with frozen shows drift and nothing else. A tail
// on a host and path that frozen does not have stays too: it is not known what was there.
func Untailed(live, frozen *networkingv1.Ingress) *networkingv1.Ingress {
	out := live.DeepCopy()
	was := map[place]*networkingv1.IngressServiceBackend{}
	eachBackend(frozen, func(at place, b *networkingv1.IngressBackend) { was[at] = b.Service })
	tails, others := 0, 0
	eachBackend(out, func(at place, b *networkingv1.IngressBackend) {
		if b.Service == nil || b.Service.Name != TailService {
			others++
			return
		}
		tails++
		if before := was[at]; before != nil {
			b.Service = before.DeepCopy()
		}
	})
	if tails > 0 && others == 0 {
		for key, value := range frozen.Annotations {
			if _, there := out.Annotations[key]; !there && treatmentOf(key) == restore {
				if out.Annotations == nil {
					out.Annotations = map[string]string{}
				}
				out.Annotations[key] = value
			}
		}
	}
	return out
}
