// Package cutover_test holds the rules of the house that a compiler does not check.
package cutover_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const (
	module   = "cutover.dev/cutover"
	maxLines = 400
)

// imports says which packages of ours a package below pkg may import. The first pattern that fits counts; a package
// that none fits is an error, so that nobody adds one without saying where it stands.
var imports = []struct{ pkg, may string }{
	{"fault", ""},
	{"phase", "fault"},
	{"plan", "fault"},
	{"journal", "phase fault"},
	{"itinerary", "plan journal phase fault"},
	{"engine", "phase journal fault"},
	{"report", "engine phase fault"},
	{"ghaction", "fault"},
	{"ghaction/runnertest", ""},
	{"hub", "fault"},
	{"hub/hubtest", ""},
	{"hub/githubtest", "hub/hubtest"},
	{"ingress", "fault"},
	{"inventory", "kube kube/carry ingress plan fault"},
	{"journal/cluster", "journal kube phase fault"},
	{"kube", "phase fault"},
	{"kube/carry", "kube fault"},
	{"kube/ready", "kube phase fault"},
	{"kube/kubetest", ""},
	{"probe", ""},
	{"reach", "kube fault"},
	{"replset", "replset/path phase fault"},
	{"replset/path", ""},
	{"replset/mongotest", ""},
	{"zone/ttl", ""},
	{"zone", "zone/ttl phase fault"},
	{"zone/route53test", "zone zone/zonetest"},
	{"zone/cloudflaretest", "zone zone/zonetest"},
	{"zone/*", "zone phase fault"},
	{"replset/replsim", ""},
	{"replset/replsim/wire", "replset/replsim"},
	{"replset/rulestest", ""},
	{"phase/phasetest", "phase journal engine fault"},
	{"phase/names/namestest", "phase phase/parts phase/phasetest plan inventory zone zone/rfc2136 zone/zonetest"},
	{"phase/parts", "phase plan inventory ingress kube kube/ready kube/carry probe reach replset zone fault"},
	{"phase/members/memberstest", "phase phase/parts phase/members plan replset replset/path replset/replsim replset/replsim/wire"},
	{"phase/members", "phase phase/parts plan replset replset/path fault"},
	{"phase/*", "phase phase/parts phase/members phase/names replset replset/path zone zone/ttl plan inventory ingress kube kube/ready kube/carry probe reach fault"},
	{"cli", "*"},
}

// owners says who alone may import a library: below pkg, with everything under it.
var owners = []struct{ library, may string }{
	{"k8s.io/client-go", "kube journal/cluster reach"},
	{"github.com/sethvargo/go-githubactions", "ghaction"},
	{"github.com/google/go-github", "hub"},
	{"go.mongodb.org/mongo-driver", "replset"},
	{"github.com/miekg/dns", "zone"},
	{"github.com/aws/aws-sdk-go-v2", "zone/route53 zone/route53test"},
}

// forbidden are names that say nothing about what a package provides.
var forbidden = []string{"util", "utils", "common", "types", "helper", "helpers", "model", "misc"}

// listed is what `go list -json` says of a package.
type listed struct {
	Dir, ImportPath, Name, Doc                                            string
	GoFiles, TestGoFiles, XTestGoFiles, IgnoredGoFiles, Imports, CgoFiles []string
}

func TestTheHouseKeepsItsRules(t *testing.T) {
	for _, p := range list(t) {
		if strings.HasSuffix(p.ImportPath, "_tmp") {
			continue // somebody's scratch, never committed
		}
		for _, broken := range append(violations(p), tooLong(t, p)...) {
			t.Errorf("%s %s", p.ImportPath, broken)
		}
	}
}

// A rule that nothing can break is none.
func TestEveryRuleCanBeBroken(t *testing.T) {
	phase := module + "/pkg/phase/routes"
	for want, p := range map[string]listed{
		"imports pkg/engine, which":                   {ImportPath: phase, Imports: []string{module + "/pkg/engine"}},
		"imports pkg/phase/proxy, which":              {ImportPath: phase, Imports: []string{module + "/pkg/phase/proxy"}},
		"imports pkg/fault, which":                    {ImportPath: module + "/pkg/probe", Imports: []string{module + "/pkg/fault"}},
		"imports pkg/kube, which":                     {ImportPath: module + "/cmd/cutover", Imports: []string{module + "/pkg/kube"}},
		"imports pkg/kube/kubetest, which is for":     {ImportPath: module + "/pkg/cli", Imports: []string{module + "/pkg/kube/kubetest"}},
		"imports k8s.io/client-go/rest, which only":   {ImportPath: phase, Imports: []string{"k8s.io/client-go/rest"}},
		"imports github.com/sethvargo/go-githubactio": {ImportPath: module + "/pkg/cli", Imports: []string{"github.com/sethvargo/go-githubactions"}},
		"has no rule":            {ImportPath: module + "/pkg/manager/core"},
		"has no package comment": {ImportPath: phase, GoFiles: []string{"routes.go"}},
		"has a name that":        {ImportPath: module + "/pkg/phase/util", Name: "util"},
	} {
		if got := violations(p); !slices.ContainsFunc(got, func(s string) bool { return strings.HasPrefix(s, want) }) {
			t.Errorf("%s: want %q…, got %q", p.ImportPath, want, got)
		}
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "long.go"), bytes.Repeat([]byte("\n"), maxLines+1), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := tooLong(t, listed{Dir: dir, GoFiles: []string{"long.go"}}); len(got) != 1 {
		t.Errorf("a file of %d lines: want one complaint, got %q", maxLines+1, got)
	}
}

// violations lists what the imports, the comment and the name of p break.
func violations(p listed) []string {
	var broken []string
	if len(p.GoFiles) > 0 && p.Doc == "" {
		broken = append(broken, "has no package comment: say what it owns and what it must not do")
	}
	if slices.Contains(forbidden, path.Base(p.ImportPath)) || slices.Contains(forbidden, p.Name) {
		broken = append(broken, "has a name that says nothing: name it by what it provides")
	}
	may, known := mayImport(p.ImportPath)
	if !known {
		broken = append(broken, "has no rule: say in arch_test.go which packages it may import")
	}
	for _, i := range p.Imports {
		if ours, ok := strings.CutPrefix(i, module+"/"); ok && known {
			broken = append(broken, ourImport(ours, may, strings.HasSuffix(p.ImportPath, "test"))...)
		}
		for _, o := range owners {
			if under(i, o.library) && !slices.ContainsFunc(strings.Fields(o.may), func(owner string) bool {
				return under(p.ImportPath, module+"/pkg/"+owner)
			}) {
				broken = append(broken, fmt.Sprintf("imports %s, which only pkg/%s may", i, o.may))
			}
		}
	}
	return broken
}

// ourImport: what is for tests alone may use what is for tests alone.
func ourImport(ours string, may []string, forTests bool) []string {
	if strings.HasSuffix(ours, "test") && !forTests {
		return []string{fmt.Sprintf("imports %s, which is for tests", ours)}
	}
	if name, ok := strings.CutPrefix(ours, "pkg/"); !ok || !slices.Contains(may, name) && !slices.Contains(may, "*") {
		return []string{fmt.Sprintf("imports %s, which it must not (may: %s)", ours, strings.Join(may, " "))}
	}
	return nil
}

// mayImport is the rule of one package; known is false where there is none.
func mayImport(importPath string) (may []string, known bool) {
	if importPath == module {
		return nil, true // this test
	}
	if under(importPath, module+"/cmd") {
		return []string{"cli"}, true
	}
	if importPath == module+"/release" {
		return nil, true // for the workflow that makes releases
	}
	if under(importPath, module+"/bench") {
		return []string{"*"}, true // nothing but tests
	}
	name, ok := strings.CutPrefix(importPath, module+"/pkg/")
	for _, rule := range imports {
		if fits, err := path.Match(rule.pkg, name); ok && err == nil && fits {
			return strings.Fields(rule.may), true
		}
	}
	return nil, false
}

func under(p, parent string) bool { return p == parent || strings.HasPrefix(p, parent+"/") }

// tooLong names the files of p, tests and files for other systems included, that have more lines than are allowed.
func tooLong(t *testing.T, p listed) []string {
	t.Helper()
	var long []string
	for _, name := range slices.Concat(p.GoFiles, p.CgoFiles, p.TestGoFiles, p.XTestGoFiles, p.IgnoredGoFiles) {
		b, err := os.ReadFile(filepath.Join(p.Dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if n := bytes.Count(b, []byte("\n")); n > maxLines {
			long = append(long, fmt.Sprintf("has a file of %d lines, %s: split it (%d are allowed)", n, name, maxLines))
		}
	}
	return long
}

// list asks the go command for every package of this module. Packages that do not build are listed too: vet names those.
func list(t *testing.T) []listed {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-e", "-json", "./...")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []listed
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		err := d.Decode(&p)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("read the list of packages: %v", err)
		}
		all = append(all, p)
	}
	if len(all) < 10 {
		t.Fatalf("go list names only %d packages: there is nothing to judge", len(all))
	}
	return all
}
