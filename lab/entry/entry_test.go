package entry

import (
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"cutover.dev/cutover/lab/cluster"
	"cutover.dev/cutover/lab/world"
)

func TestTheInternalEntryLetsInOnlyTheOtherSideAndSaysWhoItIs(t *testing.T) {
	var content struct {
		HTTP struct {
			Middlewares map[string]struct {
				IPAllowList struct{ SourceRange []string }
				Headers     struct{ CustomResponseHeaders map[string]string }
			}
		}
	}
	if err := yaml.UnmarshalStrict([]byte(middlewares(world.New.Marker, world.Old.Node)), &content); err != nil {
		t.Fatal(err)
	}
	all := content.HTTP.Middlewares
	if got := all["only-the-other-side"].IPAllowList.SourceRange; !slices.Equal(got, []string{"172.30.0.11/32"}) {
		t.Errorf("lets in %v", got)
	}
	if got := all["via"].Headers.CustomResponseHeaders["X-Cutover-Via"]; got != "9b3e6d10" {
		t.Errorf("marker %q", got)
	}
}

func TestOnlyThePublicEntryWritesStatus(t *testing.T) {
	c := cluster.New(world.New, cluster.Deps{World: world.At(t.TempDir())})
	inner, err := innerFlags(c, world.Old)
	if err != nil {
		t.Fatal(err)
	}
	writes := func(flag string) bool { return strings.Contains(flag, "ingressendpoint") }
	if slices.ContainsFunc(inner, writes) || !slices.ContainsFunc(mainFlags(c), writes) {
		t.Error("the internal entry must write no status, the public one must")
	}
	ends := func(flag string) bool { return strings.HasSuffix(flag, "http.tls=true") }
	if slices.ContainsFunc(inner, ends) || !slices.ContainsFunc(mainFlags(c), ends) {
		t.Error("only the public entry may end TLS")
	}
}
