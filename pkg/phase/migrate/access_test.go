package migrate

import (
	"slices"
	"strings"
	"testing"

	"cutover.dev/cutover/pkg/kube"
	"cutover.dev/cutover/pkg/kube/carry"
	"cutover.dev/cutover/pkg/phase/parts"
	"cutover.dev/cutover/pkg/plan"
)

// Seen with an identity that is no administrator: the API server looks a Role up before it lets anybody bind it.
func TestARoleIsCopiedBeforeWhatBindsIt(t *testing.T) {
	m := wave{Deps: parts.Deps{Plan: &plan.Plan{}, Old: &kube.Cluster{}, New: &kube.Cluster{}}}
	need := func(k kube.Kind, name string) carry.Need { return carry.Need{Kind: k, Namespace: "shop", Name: name} }
	var lanes []string
	for _, l := range m.copies([]carry.Need{
		need(kube.RoleBinding, "a"), need(kube.ConfigMap, "b"), need(kube.Role, "c"), need(kube.RoleBinding, "d"), need(kube.Role, "e"),
	}) {
		var ids []string
		for _, s := range l {
			ids = append(ids, strings.TrimPrefix(s.ID, "apply:/shop/"))
		}
		lanes = append(lanes, strings.Join(ids, " "))
	}
	if want := []string{"ConfigMap/b", "Role/c Role/e RoleBinding/a RoleBinding/d"}; !slices.Equal(lanes, want) {
		t.Errorf("lanes are %q, want %q", lanes, want)
	}
}
