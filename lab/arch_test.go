package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// pack is what `go list -json` says of a package.
type pack struct {
	Dir, ImportPath, Name, Doc                         string
	GoFiles, TestGoFiles, XTestGoFiles, IgnoredGoFiles []string
	Imports, TestImports, XTestImports                 []string
}

const (
	labModule   = "cutover.dev/cutover/lab"
	longestFile = 400 // lines
)

// The lab judges the tool from outside, by the built binary: what it shared with the tool would be wrong in both.
func TestTheLabSharesNothingWithTheToolAndKeepsTheHouseRules(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-e", "-json", "./...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	seen := 0
	for d := json.NewDecoder(bytes.NewReader(out)); ; seen++ {
		var p pack
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("read the list of packages: %v", err)
		}
		for _, broken := range append(brokenRules(p), longFiles(t, p)...) {
			t.Errorf("%s %s", p.ImportPath, broken)
		}
	}
	if seen < 10 {
		t.Errorf("go list names only %d packages: there is nothing to judge", seen)
	}
}

func TestEveryRuleOfTheLabCanBeBroken(t *testing.T) {
	for want, p := range map[string]pack{
		"imports the tool":    {ImportPath: labModule + "/load", TestImports: []string{"cutover.dev/cutover/pkg/probe"}},
		"imports the rig":     {ImportPath: labModule + "/load/ledger", Imports: []string{labModule + "/rig"}},
		"has no package comm": {ImportPath: labModule + "/load", GoFiles: []string{"load.go"}},
		"has a name that":     {ImportPath: labModule + "/util", Name: "util"},
	} {
		if got := brokenRules(p); len(got) != 1 || !strings.HasPrefix(got[0], want) {
			t.Errorf("%s: want %q…, got %q", p.ImportPath, want, got)
		}
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "long.go"), bytes.Repeat([]byte("\n"), longestFile+1), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := longFiles(t, pack{Dir: dir, GoFiles: []string{"long.go"}}); len(got) != 1 {
		t.Errorf("a file of %d lines: want one complaint, got %q", longestFile+1, got)
	}
}

func brokenRules(p pack) []string {
	var broken []string
	for _, i := range slices.Concat(p.Imports, p.TestImports, p.XTestImports) {
		if strings.HasPrefix(i, "cutover.dev/cutover/") && !strings.HasPrefix(i, labModule+"/") {
			broken = append(broken, "imports the tool: "+i)
		}
		if strings.HasPrefix(p.ImportPath+"/", labModule+"/load/") && i == labModule+"/rig" {
			broken = append(broken, "imports the rig: the load knows addresses, not how they came about")
		}
	}
	if len(p.GoFiles) > 0 && p.Doc == "" {
		broken = append(broken, "has no package comment: say what it owns and what it must not do")
	}
	if slices.Contains([]string{"util", "utils", "common", "types", "helper", "helpers"}, path.Base(p.ImportPath)) {
		broken = append(broken, "has a name that says nothing: name it by what it provides")
	}
	return broken
}

func longFiles(t *testing.T, p pack) []string {
	t.Helper()
	var long []string
	for _, name := range slices.Concat(p.GoFiles, p.TestGoFiles, p.XTestGoFiles, p.IgnoredGoFiles) {
		b, err := os.ReadFile(filepath.Join(p.Dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Count(b, []byte("\n")) > longestFile {
			long = append(long, "has too long a file, split it: "+name)
		}
	}
	return long
}
