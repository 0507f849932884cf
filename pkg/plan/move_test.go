package plan_test

import (
	"os"
	"strings"
	"testing"

	"cutover.dev/cutover/pkg/fault"
	"cutover.dev/cutover/pkg/plan"
)

// movable is the demo's plan with its line of through replaced.
func movable(t *testing.T, line string) string {
	t.Helper()
	data, err := os.ReadFile("../../plans/demo.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	found := 0
	for l := range strings.Lines(string(data)) {
		if strings.HasPrefix(l, "  through:") {
			l, found = line+"\n", found+1
		}
		out.WriteString(l)
	}
	if found != 1 {
		t.Fatalf("%d lines of through in the demo's plan", found)
	}
	return out.String()
}

func TestMovingThroughChangesNothingElse(t *testing.T) {
	for from, want := range map[string]string{
		"  through: proxy": "  through: routes",
		"  through: proxy              # routes: soon": "  through: routes              # routes: soon",
		"  through:    'proxy'":                        "  through:    'routes'",
		"  \"through\": \"proxy\" # proxy":             "  \"through\": \"routes\" # proxy",
		"  through: \"pr\\u006fxy\"":                   "",
		"  through: >-\n    proxy":                     "",
		"  # ünder, through: proxy\n  through: proxy":  "  # ünder, through: proxy\n  through: routes",
		"  through: proxy\r":                           "  through: routes\r",
	} {
		text := movable(t, from)
		moved, err := plan.Move("p.yaml", []byte(text), "routes")
		if want == "" {
			if fault.CodeOf(err) != fault.Usage || !strings.Contains(strings.Join(fault.Hints(err), " "), "by hand") || moved != nil {
				t.Errorf("%q: %v, %d bytes", from, err, len(moved))
			}
			continue
		}
		if err != nil || string(moved) != movable(t, want) {
			t.Errorf("%q: %v, %q", from, err, diffOf(text, string(moved)))
		}
	}
}

// In flow style a column counts characters, and what stands before may have more bytes.
func TestMovingThroughInOneLine(t *testing.T) {
	const text = `{apiVersion: cutover.dev/v1alpha1, kind: Plan, metadata: {name: shop}, spec: {dns: {none: "für später, 𝟚"}, through: proxy,
 clusters: {old: {uid: 0b7f6c1e-6a0f-4a53-a9ad-3b0a5d2d7f10}, new: {uid: 5b1c2a90-7c2e-4b0b-8f5e-d2f7c1f0a911}}, namespaces: [shop],
 entry: {old: {addresses: [203.0.113.10], ingressClass: nginx}, new: {addresses: [198.51.100.20], ingressClass: traefik}},
 bridge: {addresses: [10.1.1.36], port: 8080, marker: 4f9c2a7e, echo: {image: cutover}},
 waves: [{name: web, workloads: [shop/Deployment/web]}]}}`
	moved, err := plan.Move("p.yaml", []byte(text), "migrate/web")
	if want := strings.Replace(text, "through: proxy", "through: migrate/web", 1); err != nil || string(moved) != want {
		t.Errorf("%v\n%s", err, moved)
	}
}

func TestEveryPhaseIsFollowedByTheNext(t *testing.T) {
	data, err := os.ReadFile("../../plans/demo.yaml")
	if err != nil {
		t.Fatal(err)
	}
	p, err := plan.Decode("p.yaml", data)
	if err != nil {
		t.Fatal(err)
	}
	for bad, text := range map[string]string{"nowhere": string(data), "routes": "a: ["} {
		if _, err := plan.Move("p.yaml", []byte(text), bad); fault.CodeOf(err) != fault.Usage {
			t.Errorf("%s: %v", bad, err)
		}
	}
	for i, name := range p.Phases() {
		moved, err := plan.Move("p.yaml", data, name)
		if err != nil {
			t.Fatal(err)
		}
		after, err := plan.Decode("p.yaml", moved)
		if err != nil || after.Spec.Through != name || after.Digest() != p.Digest() {
			t.Errorf("%s: %v", name, err)
		}
		next, ok := after.Following()
		if last := i == len(p.Phases())-1; ok == last || !last && next != p.Phases()[i+1] {
			t.Errorf("after %s comes %q, %v", name, next, ok)
		}
	}
}

func diffOf(a, b string) string {
	i := 0
	for i < len(a) && i < len(b) && a[i] == b[i] {
		i++
	}
	return b[max(0, i-20):min(len(b), i+60)]
}
