package e2e

import (
	"encoding/base64"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"cutover.dev/cutover/lab/world"
)

const (
	oldVariable, newVariable = "CUTOVER_OLD_KUBECONFIG", "CUTOVER_NEW_KUBECONFIG"
	unsure                   = 7 // exit code: could not tell, nothing begun
)

// wrongClusters gives the tool other clusters, identities and namespaces than the plan means.
func (r *rig) wrongClusters(t *testing.T) {
	old, current := r.tool.Env[oldVariable], r.tool.Env[newVariable]
	var all []saying
	apply := func(name string, code int) { all = append(all, r.saying(t, name, code, "apply", "--phase", "proxy")) }
	r.untouched(t, func() {
		r.env(map[string]string{oldVariable: current, newVariable: old}, func() { apply("swapped-kubeconfigs", refused) })
		r.env(map[string]string{newVariable: old}, func() { apply("same-cluster-twice", refused) })
		r.with(r.variant(t, "wrong-cluster", world.New.UID, "11111111-2222-4333-8444-555555555555"), func() { apply("wrong-cluster", refused) })
		r.env(map[string]string{newVariable: r.spoiled(t, current)}, func() { apply("invalid-token", refused) })
		r.env(map[string]string{oldVariable: "", newVariable: "/no/such/file"}, func() { apply("no-kubeconfig", misused) })
		r.env(map[string]string{newVariable: r.nowhere(t, current)}, func() { apply("no-answer", unsure) })
		r.said(t, all...) // none comes as far as to the lock, so they run side by side; the others do
		const is, becomes = "namespaces: [shop, blog]", "namespaces: [shop, blog, default]"
		// Whether a namespace is empty can be told only by who may look into it.
		r.env(r.world.EnvironmentOf(world.UserAdmin), func() {
			r.with(r.variant(t, "empty-namespace", is, becomes), func() { r.says(t, "empty-namespace", refused, "apply", "--phase", "proxy") })
		})
		r.with(r.variant(t, "no-right", is, becomes), func() { r.says(t, "no-right", refused, "apply", "--phase", "proxy") })
	})
}

// env runs f with other values in the tool's environment.
func (r *rig) env(values map[string]string, f func()) {
	before := r.tool
	defer func() { r.tool = before }()
	r.tool = r.tool.With(values)
	f()
}

var tokenLine = regexp.MustCompile(`token: *"?([^"\s,}]+)`)

// spoiled is a kubeconfig with a token that its cluster does not know, as one that has expired: with another signature.
func (r *rig) spoiled(t *testing.T, kubeconfig string) string {
	t.Helper()
	text := readFile(t, kubeconfig)
	token := tokenOf(t, text)
	parts := strings.Split(token, ".")
	parts[len(parts)-1] = base64.RawURLEncoding.EncodeToString([]byte("another signature of as many bytes as it takes"))
	r.made["token that is not valid"] = strings.Join(parts, ".")
	return r.kubeconfig(t, "spoiled", strings.Replace(text, token, r.made["token that is not valid"], 1))
}

func tokenOf(t *testing.T, kubeconfig string) string {
	t.Helper()
	found := tokenLine.FindStringSubmatch(kubeconfig)
	if found == nil {
		t.Fatal("the kubeconfig has no token")
	}
	return found[1]
}

// nowhere is a kubeconfig of an API server that is not there: nothing listens on that port of the node.
func (r *rig) nowhere(t *testing.T, kubeconfig string) string {
	t.Helper()
	text := readFile(t, kubeconfig)
	if !strings.Contains(text, world.New.API()) {
		t.Fatalf("%s does not lead to %s", kubeconfig, world.New.API())
	}
	return r.kubeconfig(t, "nowhere", strings.Replace(text, world.New.API(), "https://"+world.New.Node+":9", 1))
}

// kubeconfig writes one that the canaries know of.
func (r *rig) kubeconfig(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	writeFile(t, path, text)
	return path
}

// refuses runs a verb that is refused and writes nothing.
func (r *rig) refuses(t *testing.T, name, verb string, args ...string) {
	t.Helper()
	r.untouched(t, func() { r.says(t, name, refused, verb, args...) })
}

// refusesBoth runs a phase that is refused, and beside it a verb that only looks and says no as well.
func (r *rig) refusesBoth(t *testing.T, name, phase, looking, verb string, args ...string) {
	t.Helper()
	r.untouched(t, func() {
		r.said(t, r.saying(t, looking, refused, verb, args...), r.saying(t, name, refused, "apply", "--phase", phase))
	})
}
