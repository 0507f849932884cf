// Package audit compares what an identity may do with what it did: the roles it was given, as manifests, with the audit
// log of the API server that gave them. It judges rights, not requests.
package audit

import (
	"fmt"
	"maps"
	"net/http"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"cutover.dev/cutover/lab/objects"
)

// Right is one verb on one resource ("pods/portforward" is one) of one cluster, in a namespace or, with "", in all; on the object
// of one name or, with "", on any.
type Right struct{ Cluster, User, Verb, Group, Resource, Namespace, Name string }

func (r Right) String() string {
	s := r.User + " in " + r.Cluster + ": " + r.Verb + " " + r.Resource
	if r.Group != "" {
		s += "." + r.Group
	}
	if r.Name != "" {
		s += " " + r.Name
	}
	if r.Namespace != "" {
		s += " in namespace " + r.Namespace
	}
	return s
}

// ofAny is the right on any object.
func (r Right) ofAny() Right {
	r.Name = ""
	return r
}

// Uses are the rights that were used, and how often: on an object where the request named one.
type Uses struct{ Allowed, Denied map[Right]int }

// wide counts every use of Allowed as one of any object too.
func (u *Uses) wide() map[Right]int {
	all := maps.Clone(u.Allowed)
	for r, n := range u.Allowed {
		if r.Name != "" {
			all[r.ofAny()] += n
		}
	}
	return all
}

// Of is how many rights of these were used.
func (u *Uses) Of(granted []Right) (n int) {
	used, seen := u.wide(), map[Right]bool{}
	for _, r := range granted {
		if used[r] > 0 && !seen[r] {
			n++
		}
		seen[r] = true
	}
	return n
}

// Read adds what is in the audit log of a cluster. users says who is meant, by the name in the log; others are left out.
func (u *Uses) Read(file, cluster string, users map[string]string) error {
	return Events(file, cluster, u.of(cluster, users))
}

// of counts events.
func (u *Uses) of(cluster string, users map[string]string) func(Event) {
	if u.Allowed == nil {
		u.Allowed, u.Denied = map[Right]int{}, map[Right]int{}
	}
	return func(e Event) {
		if users[e.User.Username] == "" {
			return
		}
		r := Right{Cluster: cluster, User: users[e.User.Username], Verb: e.Verb, Resource: e.RequestURI}
		if o := e.ObjectRef; o != nil {
			r.Group, r.Resource, r.Namespace, r.Name = o.APIGroup, o.Resource, o.Namespace, o.Name
			if o.Resource == "namespaces" { // the log has one in itself, rights have it nowhere
				r.Namespace = ""
			}
			if o.Subresource != "" {
				r.Resource += "/" + o.Subresource
			}
		}
		if e.ResponseStatus.Code == http.StatusForbidden {
			u.Denied[r]++
		} else {
			u.Allowed[r]++
		}
	}
}

// Granted lists what the Roles and ClusterRoles in manifests allow, each name of a rule by itself. Every one of them is taken to be
// bound to user.
func Granted(manifests []byte, cluster, user string) ([]Right, error) {
	list, err := objects.Parse(manifests)
	if err != nil {
		return nil, err
	}
	var out []Right
	for _, o := range list {
		if o.GetKind() != "Role" && o.GetKind() != "ClusterRole" {
			continue
		}
		rules, err := rulesOf(o)
		if err != nil {
			return nil, fmt.Errorf("read %s %s: %w", o.GetKind(), o.GetName(), err)
		}
		for _, rule := range rules {
			out = append(out, allowed(rule, cluster, user, o.GetNamespace())...)
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("the manifests for %s in %s allow nothing", user, cluster)
	}
	return out, nil
}

func allowed(rule rbacv1.PolicyRule, cluster, user, ns string) (out []Right) {
	names := rule.ResourceNames
	if len(names) == 0 {
		names = []string{""} // any
	}
	for _, group := range rule.APIGroups {
		for _, resource := range rule.Resources {
			for _, verb := range rule.Verbs {
				for _, name := range names {
					out = append(out, Right{cluster, user, verb, group, resource, ns, name})
				}
			}
		}
	}
	return out
}

func rulesOf(o *unstructured.Unstructured) ([]rbacv1.PolicyRule, error) {
	var role rbacv1.Role // of a ClusterRole the rules are the same
	err := runtime.DefaultUnstructuredConverter.FromUnstructured(o.Object, &role)
	return role.Rules, err
}
