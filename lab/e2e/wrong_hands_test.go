package e2e

import (
	"fmt"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"cutover.dev/cutover/lab/world"
)

// byHand is who changes objects with kubectl edit, in managed fields.
const byHand = "kubectl-edit"

// wrongHands changes what earlier phases made, and what was frozen, as somebody does who does not know of the move.
func (r *rig) wrongHands(t *testing.T) {
	r.drift(t)
	r.lostMarker(t)
	r.newWorkload(t)
	r.newIngress(t)
}

// drift: somebody led a route of new elsewhere.
func (r *rig) drift(t *testing.T) {
	before := r.snapshots(t)
	r.editIngress(t, world.New, func(ing *networkingv1.Ingress) {
		ing.Spec.Rules[0].HTTP.Paths[0].Backend.Service.Name = "somebody-elses"
	})
	r.refusesBoth(t, "drift", loneWave, "drift-verified", "verify")
	r.says(t, "drift-repaired", 0, "apply", "--phase", "routes", "--repair", "routes")
	r.asBefore(t, before)
}

// editIngress changes the Ingress of the workload that moves.
func (r *rig) editIngress(t *testing.T, c world.Cluster, change func(*networkingv1.Ingress)) {
	t.Helper()
	ingresses := r.client(t, c).NetworkingV1().Ingresses(loneSpace)
	ing, err := ingresses.Get(t.Context(), loneOne, metav1.GetOptions{})
	if err == nil {
		change(ing)
		_, err = ingresses.Update(t.Context(), ing, metav1.UpdateOptions{FieldManager: byHand})
	}
	if err != nil {
		t.Fatal(err)
	}
}

// lostMarker: somebody took the marker out of the bridge that is in use.
func (r *rig) lostMarker(t *testing.T) {
	deployments := r.client(t, world.Old).AppsV1().Deployments(world.SystemSpace)
	d, err := deployments.Get(t.Context(), "cutover-bridge", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	args := d.Spec.Template.Spec.Containers[0].Args
	for i := range args {
		args[i] = strings.Replace(args[i], ",via@file", "", 1)
	}
	if _, err := deployments.Update(t.Context(), d, metav1.UpdateOptions{FieldManager: byHand}); err != nil {
		t.Fatal(err)
	}
	r.until(t, "the bridge runs without a marker", settled, func() error {
		d, err := deployments.Get(t.Context(), "cutover-bridge", metav1.GetOptions{})
		if err != nil || d.Status.ObservedGeneration < d.Generation || d.Status.UpdatedReplicas != 1 || d.Status.ReadyReplicas != 1 {
			return fmt.Errorf("%v: %+v", err, d.Status)
		}
		return nil
	})
	r.refusesBoth(t, "bridge-lost-marker", loneWave, "bridge-lost-marker-verified", "verify")
	r.says(t, "bridge-lost-marker-repaired", 0, "apply", "--phase", "proxy", "--repair", "proxy")
	r.exits(t, 0, "verify")
}

// newWorkload: somebody deployed another workload to old.
func (r *rig) newWorkload(t *testing.T) {
	none, labels := int32(0), map[string]string{"app": "extra"}
	deployments := r.client(t, world.Old).AppsV1().Deployments(loneSpace)
	_, err := deployments.Create(t.Context(), &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: "extra"},
		Spec: appsv1.DeploymentSpec{Replicas: &none, Selector: &metav1.LabelSelector{MatchLabels: labels}, Template: corev1.PodTemplateSpec{
			ObjectMeta: metav1.ObjectMeta{Labels: labels},
			Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "app", Image: "lab.test/lab/app:1"}}},
		}},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	r.untouched(t, func() {
		r.says(t, "new-workload", refused, "apply", "--phase", loneWave)
		r.says(t, "new-workload-in-no-wave", refused, "adopt")
	})
	r.with(r.variant(t, "new-workload", "[shop/Deployment/live]", "[shop/Deployment/live, shop/Deployment/extra]"), func() {
		r.says(t, "new-workload-adopted", 0, "adopt")
		r.says(t, "nothing-to-adopt", 0, "adopt")
	})
	if err := deployments.Delete(t.Context(), "extra", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	r.says(t, "workload-gone-adopted", 0, "adopt")
}

// newIngress: somebody gave the workload another host.
func (r *rig) newIngress(t *testing.T) {
	ingresses := r.client(t, world.Old).NetworkingV1().Ingresses(loneSpace)
	ing, err := ingresses.Get(t.Context(), loneOne, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	extra := &networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Name: "extra"}, Spec: *ing.Spec.DeepCopy()}
	extra.Spec.Rules, extra.Spec.TLS = extra.Spec.Rules[:1], nil
	extra.Spec.Rules[0].Host = "extra.shop.test"
	if _, err := ingresses.Create(t.Context(), extra, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	r.refuses(t, "new-ingress", "apply", "--phase", loneWave)
	r.says(t, "new-ingress-adopted", 0, "adopt")
	r.refuses(t, "new-ingress-without-route", "apply", "--phase", loneWave)
	r.says(t, "new-ingress-routed", 0, "apply", "--phase", "routes", "--repair", "routes")
	r.exits(t, 0, "verify")
	// Away with it: as it came.
	r.exits(t, 0, "rollback", "--phase", "routes")
	if err := ingresses.Delete(t.Context(), "extra", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	r.exits(t, 0, "adopt")
	r.apply(t, "routes")
}

// wrongTail: old's Ingress is changed while half of the world is sent on to new through it. It can be adopted as it is meant,
// without the tail.
func (r *rig) wrongTail(t *testing.T) {
	before := r.snapshots(t)
	r.editIngress(t, world.Old, func(ing *networkingv1.Ingress) {
		ing.Annotations["example.com/note"] = "no business of anybody's"
	})
	r.exits(t, 0, "verify")
	r.editIngress(t, world.Old, func(ing *networkingv1.Ingress) {
		delete(ing.Annotations, "example.com/note")
		added := *ing.Spec.Rules[0].HTTP.Paths[0].DeepCopy()
		added.Path, added.Backend.Service.Name = "/added", loneOne
		ing.Spec.Rules[0].HTTP.Paths = append(ing.Spec.Rules[0].HTTP.Paths, added)
	})
	r.refuses(t, "ingress-changed-under-tail", "apply", "--phase", "migrate/rest")
	r.says(t, "ingress-adopted-under-tail", 0, "adopt")
	r.editIngress(t, world.Old, func(ing *networkingv1.Ingress) {
		paths := &ing.Spec.Rules[0].HTTP.Paths
		*paths = (*paths)[:len(*paths)-1]
	})
	r.exits(t, 0, "adopt")
	r.exits(t, 0, "verify")
	r.asBefore(t, before)
}
