package migrate

import (
	"context"
	"fmt"

	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"cutover.dev/cutover/pkg/kube"
	"cutover.dev/cutover/pkg/kube/carry"
	"cutover.dev/cutover/pkg/phase"
)

// grants are the gates for rights that the wave hands out in new: an API server lets nobody make a Role, or bind one, with
// rights that they do not have themselves, unless they may "escalate" (Kubernetes, "Privilege escalation prevention and
// bootstrapping"). Asked here, it is a no before anything is made; otherwise it would be a failure in the middle.
func (m wave) grants(needs []carry.Need) []phase.Step {
	var gates []phase.Step
	add := func(k kube.Kind, ns, name string, read func(context.Context) (*unstructured.Unstructured, error)) {
		what := k.Kind + " " + ns + "/" + name
		gates = append(gates, phase.Step{
			ID: fmt.Sprintf("grant:new/%s/%s/%s", ns, k.Kind, name), Title: "see that this identity may hand out the rights of " + what + " in new",
			Observe: func(ctx context.Context) (phase.Observation, error) {
				u, err := read(ctx)
				if apierrors.IsNotFound(err) {
					return phase.Observation{State: phase.Done, Detail: what + " is not there, as another gate says"}, nil
				} else if err != nil {
					return phase.Observation{}, err
				}
				return m.mayGrant(ctx, what, ns, u)
			},
		})
	}
	for _, n := range needs {
		if (n.Kind == kube.Role || n.Kind == kube.RoleBinding) && !n.Optional {
			add(n.Kind, n.Namespace, n.Name, func(ctx context.Context) (*unstructured.Unstructured, error) {
				return m.Old.Get(ctx, n.Kind, n.Namespace, n.Name)
			})
		}
	}
	for _, w := range m.Workloads {
		for _, g := range m.given[w.Ref].needs {
			if g.Kind == kube.Role || g.Kind == kube.RoleBinding {
				add(g.Kind, g.Object.GetNamespace(), g.Object.GetName(), func(context.Context) (*unstructured.Unstructured, error) { return g.Object, nil })
			}
		}
	}
	return gates
}

// mayGrant judges a Role by its rules, and a RoleBinding by those of the ClusterRole of new that it binds.
func (m wave) mayGrant(ctx context.Context, what, ns string, u *unstructured.Unstructured) (phase.Observation, error) {
	passing := phase.Access{Env: phase.New, Verb: "escalate", Group: rbacv1.GroupName, Resource: "roles", Namespace: ns, Name: u.GetName()}
	if u.GetKind() == kube.RoleBinding.Kind {
		b, err := kube.As[rbacv1.RoleBinding](u)
		if err != nil {
			return phase.Observation{}, err
		}
		if b.RoleRef.Kind != carry.ClusterRole.Kind {
			return phase.Observation{State: phase.Done, Detail: what + " binds the Role " + b.RoleRef.Name + ", which is judged by itself"}, nil
		}
		passing.Verb, passing.Resource, passing.Name = "bind", "clusterroles", b.RoleRef.Name
		if u, err = m.New.Read(ctx, carry.ClusterRole, "", b.RoleRef.Name); apierrors.IsNotFound(err) {
			return phase.Observation{State: phase.Done, Detail: "ClusterRole " + b.RoleRef.Name + " is not in new, as another gate says"}, nil
		} else if err != nil {
			return phase.Observation{}, err
		}
	}
	role, err := kube.As[rbacv1.Role](u) // of a ClusterRole the rules are all that matters
	if err != nil {
		return phase.Observation{}, err
	}
	denied, err := m.New.Denied(ctx, rights(ns, role.Rules))
	if err != nil || len(denied) == 0 {
		return phase.Observation{State: phase.Done, Detail: "this identity has all the rights of " + what}, err
	}
	not, err := m.New.Denied(ctx, []phase.Access{passing})
	if err != nil || len(not) == 0 {
		return phase.Observation{State: phase.Done, Detail: fmt.Sprintf("this identity may %s %s %s", passing.Verb, passing.Resource, passing.Name)}, err
	}
	first := denied[0]
	return phase.Observation{State: phase.Failed, Detail: fmt.Sprintf(
		"%s grants %d rights that this identity does not have itself, such as %s %s, and an API server lets nobody hand those out; "+
			"give this identity in new what it grants, or the verb %s on %s %s, or make it in new by hand",
		what, len(denied), first.Verb, first.Resource, passing.Verb, passing.Resource, passing.Name,
	)}, nil
}

// rights are what rules allow in a namespace, one by one.
func rights(ns string, rules []rbacv1.PolicyRule) []phase.Access {
	var out []phase.Access
	for _, rule := range rules {
		names := rule.ResourceNames
		if len(names) == 0 {
			names = []string{""}
		}
		for _, verb := range rule.Verbs {
			for _, group := range rule.APIGroups {
				for _, resource := range rule.Resources {
					for _, name := range names {
						out = append(out, phase.Access{Env: phase.New, Verb: verb, Group: group, Resource: resource, Namespace: ns, Name: name})
					}
				}
			}
		}
	}
	return out
}
