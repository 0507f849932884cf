package migrate

import (
	"strings"
	"testing"

	"cutover.dev/cutover/pkg/kube"
	"cutover.dev/cutover/pkg/kube/carry"
	"cutover.dev/cutover/pkg/kube/kubetest"
	"cutover.dev/cutover/pkg/phase"
)

// What an identity may do itself, in new.
const limited = `{apiVersion: rbac.authorization.k8s.io/v1, kind: Role, metadata: {name: limited, namespace: shop}, rules: [
 {apiGroups: [""], resources: [configmaps, pods/log], verbs: [get, list]},
 {apiGroups: [rbac.authorization.k8s.io], resources: [roles, rolebindings], verbs: [get, create, patch]}]}
---
{apiVersion: rbac.authorization.k8s.io/v1, kind: RoleBinding, metadata: {name: limited, namespace: shop}, roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: limited},
 subjects: [{kind: User, name: cutover-run}]}`

const handedOut = `{apiVersion: rbac.authorization.k8s.io/v1, kind: Role, metadata: {name: own, namespace: shop}, rules: [{apiGroups: [""], resources: [configmaps, pods/log], verbs: [get]}]}
---
{apiVersion: rbac.authorization.k8s.io/v1, kind: Role, metadata: {name: more, namespace: shop}, rules: [{apiGroups: [""], resources: [configmaps, secrets], resourceNames: [a, b], verbs: [get]}]}
---
{apiVersion: rbac.authorization.k8s.io/v1, kind: Role, metadata: {name: all, namespace: shop}, rules: [{apiGroups: ["*"], resources: ["*"], verbs: ["*"]}]}
---
{apiVersion: rbac.authorization.k8s.io/v1, kind: RoleBinding, metadata: {name: wide, namespace: shop}, roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: admin},
 subjects: [{kind: ServiceAccount, name: web, namespace: shop}]}`

// The gates have to agree with what the API server then does: they are asked so that it never comes to its no.
func TestRightsAreHandedOutOnlyByWhoHasThem(t *testing.T) {
	const ns = "granting"
	servers := [2]*kubetest.Server{kubetest.Lend(t), kubetest.Lend(t)}
	servers[0].Cluster(t, ns).Put(in(ns, handedOut))
	servers[1].Cluster(t, ns).Put(in(ns, limited))
	m := testWave(t)
	connect := func(env, config string) *kube.Cluster {
		c, err := kube.Connect(t.Context(), env, config, kube.Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(c.Close)
		return c
	}
	m.Old = connect(phase.Old, servers[0].Kubeconfig)
	var needs []carry.Need
	for _, name := range []string{"own", "more", "all"} {
		needs = append(needs, carry.Need{Kind: kube.Role, Namespace: ns, Name: name})
	}
	needs = append(needs, carry.Need{Kind: kube.RoleBinding, Namespace: ns, Name: "wide"})
	admin := connect(phase.New, servers[1].Kubeconfig)
	m.New = admin
	for _, g := range m.grants(needs) {
		see(t, g, phase.Done)
	}
	m.New = connect(phase.New, servers[1].As(t, "cutover-run"))
	for i, g := range m.grants(needs[:3]) {
		want := phase.Failed
		if needs[i].Name == "own" {
			want = phase.Done
		}
		o := see(t, g, want)
		role, err := m.Old.Read(t.Context(), kube.Role, ns, needs[i].Name)
		if err != nil {
			t.Fatal(err)
		}
		_, err = m.New.Create(t.Context(), carry.Clean(role))
		if (err == nil) != (want == phase.Done) {
			t.Errorf("the gate says %s, and the API server: %v", o.Detail, err)
		}
		if want == phase.Failed && !strings.Contains(o.Detail, "the verb escalate on roles "+needs[i].Name) {
			t.Errorf("it says %q", o.Detail)
		}
	}
}
