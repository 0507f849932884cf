package ingress_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"
	"sigs.k8s.io/yaml"

	"github.com/google/go-cmp/cmp"

	"cutover.dev/cutover/pkg/ingress"
)

var update = flag.Bool("update", false, "rewrite the golden files")

var movedLine = regexp.MustCompile(`moved: (\S+)`)

// TestEveryExampleBecomesWhatItsGoldenFileSays shows the Ingress in new with nothing, some and everything moved, the
// handed-over one, old's tailed one, and all that is said about it.
func TestEveryExampleBecomesWhatItsGoldenFileSays(t *testing.T) {
	files, err := filepath.Glob("testdata/*.yaml")
	if err != nil || len(files) < 4 {
		t.Fatalf("examples: %v, %v", files, err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".yaml"), func(t *testing.T) {
			text, old := load(t, file)
			some := func(s string) bool { return s == movedLine.FindStringSubmatch(text)[1] }
			all := func(string) bool { return true }
			target := ingress.Target{Class: "main", Controller: "traefik.io/ingress-controller"}
			done := target
			done.HandOver = true
			var out strings.Builder
			for _, part := range []struct {
				name string
				ing  *networkingv1.Ingress
			}{
				{"nothing moved", ingress.Desired(old, nil, target)},
				{"some moved", ingress.Desired(old, some, target)},
				{"everything moved", ingress.Desired(old, all, target)},
				{"handed over", ingress.Desired(old, all, done)},
				{"old, some tailed", ingress.Tailed(old, some)},
				{"old, everything tailed", ingress.Tailed(old, all)},
			} {
				y, err := yaml.Marshal(part.ing)
				if err != nil {
					t.Fatal(err)
				}
				fmt.Fprintf(&out, "# %s\n%s---\n", part.name, strings.TrimSuffix(string(y), "status:\n  loadBalancer: {}\n"))
			}
			said(&out, old, target)
			golden(t, strings.TrimSuffix(file, ".yaml")+".golden", out.String())
		})
	}
}

func said(out *strings.Builder, old *networkingv1.Ingress, target ingress.Target) {
	reason, yes := ingress.Atomic(old)
	fmt.Fprintf(out, "atomic: %v %s\n", yes, reason)
	refusals, warnings := ingress.Crossing(old, target)
	for _, list := range []struct {
		title string
		lines []string
	}{
		{"unsupported", ingress.Unsupported(old)},
		{"warnings", ingress.Warnings(old)},
		{"crossing refused", refusals},
		{"crossing warned", warnings},
	} {
		fmt.Fprintf(out, "%s:\n", list.title)
		for _, line := range list.lines {
			fmt.Fprintf(out, "  - %s\n", line)
		}
	}
	fmt.Fprintln(out, "routes:")
	for _, r := range ingress.Routes(old) {
		host, path := r.Ask()
		fmt.Fprintf(out, "  - %q %q %s %q tls=%v/%q ask %s%s\n", r.Host, r.Path, r.PathType, r.Service, r.TLS, r.TLSSecret, host, path)
	}
}

func load(t *testing.T, file string) (string, *networkingv1.Ingress) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	ing := &networkingv1.Ingress{}
	if err := yaml.UnmarshalStrict(text, ing); err != nil {
		t.Fatal(err)
	}
	return string(text), ing
}

func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("not what %s says (go test -update rewrites it):\n%s", file, diff)
	}
}
