package carry

import (
	"context"
	"fmt"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"cutover.dev/cutover/pkg/kube"
)

// Related lists what belongs to a workload although the workload does not name it: Services, budgets, autoscalers and
// network policies that select or target it, the rights of its ServiceAccount within the namespace, and the pull secrets
// of that account. An autoscaler that KEDA made is given as the ScaledObject that made it. Rights by
// ClusterRoleBindings are not seen: reading them takes more rights than a migration needs.
func Related(ctx context.Context, c Reader, workload *unstructured.Unstructured) ([]Need, error) {
	pods, err := PodsOf(workload)
	if err != nil {
		return nil, err
	}
	r := related{needs{ns: workload.GetNamespace()}, ctx, c, workload, pods}
	for _, find := range []func() error{r.services, r.scalers, r.budgets, r.policies, r.rights, r.account} {
		if err := find(); err != nil {
			return nil, fmt.Errorf("find what belongs to %s %s/%s: %w", workload.GetKind(), workload.GetNamespace(), workload.GetName(), err)
		}
	}
	return r.sorted(), nil
}

// related is one call of Related, which is why it may hold its context.
type related struct {
	needs
	ctx      context.Context
	c        Reader
	workload *unstructured.Unstructured
	pods     *Pods
}

// each reads every object of a kind in the namespace as T.
func each[T any](r *related, kind kube.Kind, f func(name string, object *T) error) error {
	all, err := r.c.List(r.ctx, kind, r.ns)
	if err != nil {
		return err
	}
	for _, u := range all {
		object, err := kube.As[T](u)
		if err != nil {
			return err
		}
		if err := f(u.GetName(), object); err != nil {
			return fmt.Errorf("%s %s/%s: %w", kind.Kind, r.ns, u.GetName(), err)
		}
	}
	return nil
}

func (r *related) selected(kind kube.Kind, name string, selector *metav1.LabelSelector) error {
	yes, err := Selects(selector, r.pods.Labels)
	if yes {
		r.add(kind, name, "selects the pods", false)
	}
	return err
}

func (r *related) services() error {
	governing, _, _ := unstructured.NestedString(r.workload.Object, "spec", "serviceName")
	if governing != "" && r.workload.GetKind() == kube.StatefulSet.Kind {
		r.add(kube.Service, governing, "governs the StatefulSet", false)
	}
	return each(r, kube.Service, func(name string, s *corev1.Service) error {
		if len(s.Spec.Selector) == 0 { // its endpoints are kept by hand
			return nil
		}
		return r.selected(kube.Service, name, &metav1.LabelSelector{MatchLabels: s.Spec.Selector})
	})
}

func (r *related) scalers() error {
	return each(r, kube.HPA, func(name string, h *autoscalingv2.HorizontalPodAutoscaler) error {
		if !Targets(h, r.workload.GetKind(), r.workload.GetName()) {
			return nil
		}
		if scaled, by := KEDA(h); by {
			r.add(ScaledObject, scaled, "scales the workload", false)
			return nil
		}
		r.add(kube.HPA, name, "scales the workload", false)
		return nil
	})
}

// Targets says whether an autoscaler scales the workload of that kind and name.
func Targets(h *autoscalingv2.HorizontalPodAutoscaler, kind, name string) bool {
	target := h.Spec.ScaleTargetRef
	return target.Kind == kind && target.Name == name
}

// KEDA returns the name of the ScaledObject that made an autoscaler.
func KEDA(h *autoscalingv2.HorizontalPodAutoscaler) (name string, yes bool) {
	for _, owner := range h.OwnerReferences {
		if owner.Kind == ScaledObject.Kind {
			return owner.Name, true
		}
	}
	return "", false
}

func (r *related) budgets() error {
	return each(r, kube.PDB, func(name string, b *policyv1.PodDisruptionBudget) error {
		return r.selected(kube.PDB, name, b.Spec.Selector)
	})
}

func (r *related) policies() error {
	return each(r, kube.NetworkPolicy, func(name string, p *networkingv1.NetworkPolicy) error {
		return r.selected(kube.NetworkPolicy, name, &p.Spec.PodSelector)
	})
}

func (r *related) rights() error {
	return each(r, kube.RoleBinding, func(name string, b *rbacv1.RoleBinding) error {
		if !binds(b.Subjects, r.ns, r.pods.Account()) {
			return nil
		}
		why := "rights of ServiceAccount " + r.pods.Account()
		r.add(kube.RoleBinding, name, why, false)
		if b.RoleRef.Kind == ClusterRole.Kind {
			r.add(ClusterRole, b.RoleRef.Name, why, false)
		} else {
			r.add(kube.Role, b.RoleRef.Name, why, false)
		}
		return nil
	})
}

// binds says whether one of the subjects is the account, or a group that every account of the namespace is in.
func binds(subjects []rbacv1.Subject, ns, account string) bool {
	for _, s := range subjects {
		switch s.Kind {
		case rbacv1.ServiceAccountKind:
			if s.Name == account && (s.Namespace == ns || s.Namespace == "") {
				return true
			}
		case rbacv1.GroupKind:
			if s.Name == "system:serviceaccounts" || s.Name == "system:serviceaccounts:"+ns {
				return true
			}
		}
	}
	return false
}

func (r *related) account() error {
	u, err := r.c.Get(r.ctx, kube.ServiceAccount, r.ns, r.pods.Account())
	if apierrors.IsNotFound(err) {
		return nil // Needs names it; whoever copies it finds that out
	}
	if err != nil {
		return err
	}
	account, err := kube.As[corev1.ServiceAccount](u)
	if err != nil {
		return err
	}
	for _, pull := range account.ImagePullSecrets {
		r.add(kube.Secret, pull.Name, "pull secret of ServiceAccount "+account.Name, false)
	}
	return nil
}
