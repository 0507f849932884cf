package kube_test

import (
	"strings"
	"testing"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"

	"cutover.dev/cutover/pkg/fault"
	"cutover.dev/cutover/pkg/kube"
	"cutover.dev/cutover/pkg/kube/kubetest"
	"cutover.dev/cutover/pkg/phase"
)

func TestTheIdentityOfAClusterIsItsKubeSystemNamespace(t *testing.T) {
	c, _ := connect(t)
	uid, err := c.UID(t.Context())
	must(t, err)
	ns, err := c.Read(t.Context(), kube.Namespace, "", "kube-system")
	must(t, err)
	if uid == "" || uid != string(ns.GetUID()) {
		t.Errorf("uid %q", uid)
	}
}

func TestCanNamesEverythingThatIsNotAllowed(t *testing.T) {
	c, ns := connect(t)
	role, err := kube.From(kube.Role, &rbacv1.Role{Rules: []rbacv1.PolicyRule{
		{APIGroups: []string{""}, Resources: []string{"pods"}, Verbs: []string{"get"}},
		{APIGroups: []string{""}, Resources: []string{"pods/portforward"}, Verbs: []string{"create"}},
	}})
	must(t, err)
	role.SetNamespace(ns)
	role.SetName("run")
	binding, err := kube.From(kube.RoleBinding, &rbacv1.RoleBinding{
		RoleRef:  rbacv1.RoleRef{APIGroup: "rbac.authorization.k8s.io", Kind: "Role", Name: "run"},
		Subjects: []rbacv1.Subject{{APIGroup: "rbac.authorization.k8s.io", Kind: "User", Name: "cutover-run"}},
	})
	must(t, err)
	binding.SetNamespace(ns)
	binding.SetName("run")
	must(t, c.Apply(t.Context(), own(role)))
	must(t, c.Apply(t.Context(), own(binding)))

	run := dial(t, kubetest.Shared(t).As(t, "cutover-run"))
	allowed := []phase.Access{
		{Env: "new", Verb: "get", Resource: "pods", Namespace: ns},
		{Env: "new", Verb: "create", Resource: "pods/portforward", Namespace: ns},
		{Env: "old", Verb: "delete", Resource: "everything"}, // of the other cluster: not asked here
	}
	err = run.Can(t.Context(), allowed)
	for until := time.Now().Add(10 * time.Second); err != nil && time.Now().Before(until); err = run.Can(t.Context(), allowed) {
		time.Sleep(50 * time.Millisecond) // an API server obeys a new role once it has seen it
	}
	must(t, err)
	err = run.Can(t.Context(), append(allowed,
		phase.Access{Env: "new", Verb: "delete", Resource: "pods", Namespace: ns},
		phase.Access{Env: "new", Verb: "get", Group: "networking.k8s.io", Resource: "ingresses"}))
	if err == nil || !strings.Contains(err.Error(), "delete pods in namespace "+ns) || !strings.Contains(err.Error(), "get ingresses.networking.k8s.io") {
		t.Fatalf("got %v", err)
	}
	if len(fault.Hints(err)) != 1 {
		t.Errorf("hints %q", fault.Hints(err))
	}
}
