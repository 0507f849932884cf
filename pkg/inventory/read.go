package inventory

import (
	"cmp"
	"slices"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"cutover.dev/cutover/pkg/ingress"
	"cutover.dev/cutover/pkg/kube"
	"cutover.dev/cutover/pkg/kube/carry"
	"cutover.dev/cutover/pkg/plan"
)

// Paused is the annotation by which a person says that whoever keeps an object as it is will leave it alone for the
// time of the move; its value is "paused". Nothing on the object itself shows that an Argo CD application is suspended.
const Paused = "cutover.dev/reverter"

const classAnnotation = "kubernetes.io/ingress.class"

func compareStrings(a, b string) int { return cmp.Compare(a, b) }

// keeper says who would change an object back, "" if nobody, or if it was told to leave the object alone.
func keeper(u *unstructured.Unstructured) string {
	notes := u.GetAnnotations()
	if notes[Paused] == "paused" || notes["kustomize.toolkit.fluxcd.io/reconcile"] == "disabled" {
		return ""
	}
	who, _ := kube.Reverter(u)
	return who
}

func ingressOf(u *unstructured.Unstructured) (*Ingress, error) {
	object, err := kube.As[networkingv1.Ingress](u)
	if err != nil {
		return nil, err
	}
	out := &Ingress{Keeper: keeper(u), Class: classOf(object)}
	out.Object.TypeMeta = metav1.TypeMeta{APIVersion: "networking.k8s.io/v1", Kind: "Ingress"}
	out.Object.Namespace, out.Object.Name, out.Object.Labels = object.Namespace, object.Name, object.Labels
	for key, value := range object.Annotations {
		if key == corev1.LastAppliedConfigAnnotation {
			continue
		}
		metav1.SetMetaDataAnnotation(&out.Object.ObjectMeta, key, value)
	}
	out.Object.Spec = object.Spec
	return out, nil
}

func classOf(object *networkingv1.Ingress) string {
	if object.Spec.IngressClassName != nil {
		return *object.Spec.IngressClassName
	}
	return object.Annotations[classAnnotation]
}

func serviceOf(u *unstructured.Unstructured) (*Service, error) {
	object, err := kube.As[corev1.Service](u)
	if err != nil {
		return nil, err
	}
	out := &Service{
		Name: ingress.Name{Namespace: object.Namespace, Name: object.Name}, Type: cmp.Or(string(object.Spec.Type), "ClusterIP"),
		Headless: object.Spec.ClusterIP == corev1.ClusterIPNone, ExternalName: object.Spec.ExternalName, Selector: object.Spec.Selector,
	}
	for _, p := range object.Spec.Ports {
		out.Ports = append(out.Ports, Port{p.Name, p.Port, cmp.Or(string(p.Protocol), "TCP"), p.TargetPort.String()})
	}
	slices.SortFunc(out.Ports, func(a, b Port) int {
		return cmp.Or(cmp.Compare(a.Number, b.Number), cmp.Compare(a.Protocol, b.Protocol))
	})
	return out, nil
}

// scaling is what scales and protects the workloads of one namespace.
type scaling struct {
	hpas []*autoscalingv2.HorizontalPodAutoscaler
	pdbs []*policyv1.PodDisruptionBudget
}

func scalingOf(l listed) (s scaling, err error) {
	for _, u := range l.of[kube.HPA] {
		h, err := kube.As[autoscalingv2.HorizontalPodAutoscaler](u)
		if err != nil {
			return s, err
		}
		s.hpas = append(s.hpas, h)
	}
	for _, u := range l.of[kube.PDB] {
		b, err := kube.As[policyv1.PodDisruptionBudget](u)
		if err != nil {
			return s, err
		}
		s.pdbs = append(s.pdbs, b)
	}
	return s, nil
}

func (s scaling) of(w *Workload) error {
	for _, h := range s.hpas {
		if !carry.Targets(h, w.Ref.Kind, w.Ref.Name) {
			continue
		}
		w.Scaler = kube.HPA.Kind + "/" + h.Name
		if name, by := carry.KEDA(h); by {
			w.Scaler = carry.ScaledObject.Kind + "/" + name
		}
	}
	for _, b := range s.pdbs {
		yes, err := carry.Selects(b.Spec.Selector, w.Labels)
		if err != nil {
			return err
		}
		if yes {
			w.Budgets = append(w.Budgets, b.Name)
		}
	}
	return nil
}

func workloadOf(u *unstructured.Unstructured, s scaling) (*Workload, error) {
	pods, err := carry.PodsOf(u)
	if err != nil {
		return nil, err
	}
	w := &Workload{Ref: refOf(u), Labels: pods.Labels, Keeper: keeper(u), Replicas: 1}
	if n, set, _ := unstructured.NestedInt64(u.Object, "spec", "replicas"); set {
		w.Replicas = int(n)
	}
	w.Suspended, _, _ = unstructured.NestedBool(u.Object, "spec", "suspend")
	for _, c := range pods.Containers() {
		for _, p := range c.Ports {
			w.Ports = append(w.Ports, Port{p.Name, p.ContainerPort, cmp.Or(string(p.Protocol), "TCP"), ""})
		}
	}
	for _, n := range carry.Needs(u) {
		w.Needs = append(w.Needs, n.Kind.Kind+"/"+n.Name)
		if n.Kind == kube.PVC {
			w.Claims = append(w.Claims, n.Name)
		}
	}
	claims, _, _ := unstructured.NestedSlice(u.Object, "spec", "volumeClaimTemplates")
	for _, claim := range claims {
		if claim, ok := claim.(map[string]any); ok {
			name, _, _ := unstructured.NestedString(claim, "metadata", "name")
			w.Claims = append(w.Claims, name+" (template)")
		}
	}
	for _, v := range pods.Spec.Volumes {
		if v.HostPath != nil {
			w.HostPaths = append(w.HostPaths, v.HostPath.Path)
		}
	}
	return w, s.of(w)
}

func refOf(u *unstructured.Unstructured) plan.Ref {
	return plan.Ref{Namespace: u.GetNamespace(), Kind: u.GetKind(), Name: u.GetName()}
}
