package inventory

import (
	"cmp"
	"slices"
	"strings"

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
	out := &Ingress{Keeper: keeper(u), Class: object.Annotations[classAnnotation]}
	if object.Spec.IngressClassName != nil {
		out.Class = *object.Spec.IngressClassName
	}
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
	for _, u := range l[kube.HPA] {
		h, err := kube.As[autoscalingv2.HorizontalPodAutoscaler](u)
		if err != nil {
			return s, err
		}
		s.hpas = append(s.hpas, h)
	}
	for _, u := range l[kube.PDB] {
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

// unmovable lists what runs without a workload that could be copied: bare Pods and Jobs, and owners that cutover does
// not know. What has ended is not listed, nobody misses it.
func unmovable(l listed) []Unmovable {
	known := map[plan.Ref]bool{}
	for _, kind := range append(movable[:len(movable):len(movable)], kube.Job) {
		for _, u := range l[kind] {
			known[refOf(u)] = true
		}
	}
	found := map[plan.Ref]bool{}
	for _, kind := range []kube.Kind{kube.Job, kube.Pod} {
		for _, u := range l[kind] {
			owner, workload := ownerOf(u)
			switch {
			case !running(u) || known[workload]:
			case owner.Name != "":
				found[owner] = true
			default:
				found[refOf(u)] = true
			}
		}
	}
	var out []Unmovable
	for ref := range found {
		out = append(out, Unmovable{ref, "nothing would start it again in new"})
	}
	slices.SortFunc(out, func(a, b Unmovable) int { return compareRefs(a.Ref, b.Ref) })
	return out
}

// running says whether a Pod or a Job has not ended.
func running(u *unstructured.Unstructured) bool {
	phase, _, _ := unstructured.NestedString(u.Object, "status", "phase")
	done, _, _ := unstructured.NestedString(u.Object, "status", "completionTime")
	conditions, _, _ := unstructured.NestedSlice(u.Object, "status", "conditions")
	for _, c := range conditions {
		if c, ok := c.(map[string]any); ok && c["type"] == "Failed" && c["status"] == "True" {
			return false
		}
	}
	return phase != string(corev1.PodSucceeded) && phase != string(corev1.PodFailed) && done == ""
}

// ownerOf returns what a Pod or Job belongs to, and the workload that this stands for: of a ReplicaSet the Deployment,
// whose name is the ReplicaSet's without the hash of the template, else the same.
func ownerOf(u *unstructured.Unstructured) (owner, workload plan.Ref) {
	for _, o := range u.GetOwnerReferences() {
		if o.Controller == nil || !*o.Controller {
			continue
		}
		owner = plan.Ref{Namespace: u.GetNamespace(), Kind: o.Kind, Name: o.Name}
		workload = owner
		hash := u.GetLabels()["pod-template-hash"]
		if name, ok := strings.CutSuffix(o.Name, "-"+hash); ok && hash != "" && o.Kind == kube.ReplicaSet.Kind {
			workload.Kind, workload.Name = kube.Deployment.Kind, name
		}
		return owner, workload
	}
	return owner, workload
}
