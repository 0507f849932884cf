package link

import (
	"os"
	"slices"
	"strings"
	"testing"

	"cutover.dev/cutover/pkg/phase"
	"cutover.dev/cutover/pkg/plan"
)

// full is the fullest of the plans that are tested.
func full(t *testing.T) *plan.Plan {
	t.Helper()
	data, err := os.ReadFile("../../plan/testdata/good/full.yaml")
	if err != nil {
		t.Fatal(err)
	}
	p, err := plan.Decode("full.yaml", data)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func words(paths []Path) (all []string) {
	for _, p := range paths {
		all = append(all, strings.Join([]string{p.From, p.To, p.What, p.Later}, " "))
	}
	slices.Sort(all)
	return all
}

func TestPathsFollowFromThePlan(t *testing.T) {
	p := full(t)
	want := []string{
		"new 10.1.1.36:8080 bridge bridge.manifests",
		"new 203.0.113.10:443 entry of old ",
		"new 203.0.113.10:80 entry of old ",
		"old 10.0.0.2:53 resolver ",
		"old 10.0.0.53:53 name server ",
		"old 10.0.0.54:53 name server ",
		"old 10.0.0.55:53 name server ",
		"old 10.0.0.56:53 name server ",
		"old 10.0.1.53:53 name server ",
		"old 10.2.1.36:8080 tail ",
		"old 198.51.100.20:443 entry of new ",
		"old 198.51.100.20:80 entry of new ",
		"old mongo-0.new.internal:27017 new members mongodb.manifests",
		"old mongo-1.new.internal:27017 new members mongodb.manifests",
		"old smtp.internal:25 link.paths ",
	}
	if got := words(Paths(p, true)); !slices.Equal(got, want) {
		t.Errorf("got\n%s", strings.Join(got, "\n"))
	}
	if got := len(Paths(p, false)); got != len(want)-2 { // nobody asks for TLS
		t.Errorf("%d paths without TLS", got)
	}
	p.Spec.DNS.From, p.Spec.DNS.Zones = "", p.Spec.DNS.Zones[1:2]
	p.Spec.Entry.Old.From, p.Spec.Entry.New.From, p.Spec.Tail, p.Spec.MongoDB, p.Spec.Bridge.Manifests = "", "", nil, nil, ""
	p.Spec.Link.Paths = append(p.Spec.Link.Paths, p.Spec.Link.Paths[0])
	want = []string{"here 10.0.0.2:53 resolver ", "here 10.0.0.54:53 name server ", "here 198.51.100.20:80 entry of new ", "here 203.0.113.10:80 entry of old ", "new 10.1.1.36:8080 bridge ", "old smtp.internal:25 link.paths "}
	if got := words(Paths(p, false)); !slices.Equal(got, want) {
		t.Errorf("of a small plan\n%s", strings.Join(got, "\n"))
	}
}

func TestARelayMayDialWhatThePhaseDials(t *testing.T) {
	p := full(t)
	got := Destinations(p, phase.New, []string{"mongo-0.old.internal:27017", "mongo-0.new.internal:27017"})
	slices.Sort(got)
	if want := []string{"10.1.1.36:8080", "203.0.113.10:443", "203.0.113.10:80", "mongo-0.old.internal:27017"}; !slices.Equal(got, want) {
		t.Errorf("new dials %q", got)
	}
	if got := Destinations(p, phase.Old, nil); len(got) != 12 || !slices.Contains(got, "smtp.internal:25") {
		t.Errorf("old dials %q", got)
	}
}
