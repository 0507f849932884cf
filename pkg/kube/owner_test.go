package kube_test

import (
	"strings"
	"testing"

	"cutover.dev/cutover/pkg/kube"
)

func TestOwnersAndWhoWouldChangeAnObjectBack(t *testing.T) {
	for _, c := range []struct {
		metadata, owner string
		reverts         bool
	}{
		{`{}`, "", false},
		{`{labels: {app.kubernetes.io/managed-by: cutover, cutover.dev/plan: other}}`, "cutover plan other", false},
		{`{annotations: {argocd.argoproj.io/tracking-id: "shop:Service:web"}}`, "Argo CD", true},
		{`{labels: {kustomize.toolkit.fluxcd.io/name: shop}}`, "Flux", true},
		{`{annotations: {meta.helm.sh/release-name: shop}, labels: {app.kubernetes.io/managed-by: Helm}}`, "Helm release shop", false},
		{`{annotations: {meta.helm.sh/release-name: shop}, labels: {helm.toolkit.fluxcd.io/name: shop}}`, "Flux", true},
		{`{ownerReferences: [{apiVersion: apps/v1, kind: Deployment, name: web, uid: a, controller: true}]}`, "Deployment/web (ownerReference)", false},
		{`{ownerReferences: [{apiVersion: example.com/v1, kind: Shop, name: s, uid: a, controller: true}]}`, "Shop/s", true},
		{`{managedFields: [{manager: argocd-controller, operation: Apply}]}`, "Argo CD", true},
		{`{managedFields: [{manager: kubectl-client-side-apply, operation: Update}, {manager: kube-controller-manager, operation: Update}]}`, "kubectl-client-side-apply (field manager)", false},
		{`{managedFields: [{manager: argocd-controller, operation: Update, subresource: status}]}`, "", false},
		{`{labels: {app.kubernetes.io/managed-by: some-tool}}`, "some-tool (label", false},
	} {
		u := parse(`{apiVersion: v1, kind: Service, metadata: ` + c.metadata + `}`)
		if got := kube.OwnerOf(u); !strings.HasPrefix(got, c.owner) || (c.owner == "") != (got == "") {
			t.Errorf("%s: owned by %q, want %q", c.metadata, got, c.owner)
		}
		if who, got := kube.Reverter(u); got != c.reverts || got != (who != "") {
			t.Errorf("%s: reverted by %q, %v", c.metadata, who, got)
		}
	}
}

func TestOursIsThisPlanOnly(t *testing.T) {
	u := parse(`{apiVersion: v1, kind: Service, metadata: {labels: {app: web}}}`)
	if kube.Ours(u, plan) {
		t.Error("ours without labels")
	}
	kube.Own(u, plan)
	if !kube.Ours(u, plan) || kube.Ours(u, "other") || kube.Ours(u, "") || u.GetLabels()["app"] != "web" {
		t.Errorf("labels %v", u.GetLabels())
	}
}
