package cutover_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// docs/troubleshooting.md is read when something is wrong, so it may not rot: every exit code, every kind of step and
// every no that the code can give has to be in it, and what it quotes has to be in the code.
func TestTroubleshootingKnowsEveryNo(t *testing.T) {
	b, err := os.ReadFile(filepath.Join("docs", "troubleshooting.md"))
	if err != nil {
		t.Fatal(err)
	}
	doc := string(b)
	said := sayings(t)
	if len(said.codes) < 10 || len(said.steps) < 20 || len(said.nos) < 40 {
		t.Fatalf("the reader of the source finds too little: %d exit codes, %d steps, %d nos", len(said.codes), len(said.steps), len(said.nos))
	}
	for _, code := range said.codes {
		if !strings.Contains(doc, "\n## "+code+" ") {
			t.Errorf("exit code %s has no section", code)
		}
	}
	for _, id := range said.steps {
		if !strings.Contains(doc, "`"+id) {
			t.Errorf("step %q is not explained", id)
		}
	}
	for _, no := range said.nos {
		if !strings.Contains(doc, no.text) {
			t.Errorf("%s: this no is not explained: %q", no.at, no.text)
		}
	}
	for _, row := range regexp.MustCompile("(?m)^\\| `([^`]+)` \\|").FindAllStringSubmatch(doc, -1) {
		for _, part := range strings.Split(row[1], "…") {
			if part = strings.TrimSpace(part); part != "" && !slices.ContainsFunc(said.all, func(s string) bool { return strings.Contains(s, part) }) {
				t.Errorf("nothing in the code says %q", part)
			}
		}
	}
}

type no struct{ at, text string }

type said struct {
	codes, steps, all []string
	nos               []no
}

// sayings reads the product's source.
func sayings(t *testing.T) said {
	t.Helper()
	var out said
	files := token.NewFileSet()
	err := filepath.WalkDir("pkg", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || testOnly(path) {
			return err
		}
		file, err := parser.ParseFile(files, path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			out.read(n, path, files)
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func testOnly(path string) bool { return strings.Contains(path, "test/") }

func (s *said) read(n ast.Node, path string, files *token.FileSet) {
	switch n := n.(type) {
	case *ast.BasicLit:
		if n.Kind == token.STRING {
			s.all = append(s.all, text(n))
		}
	case *ast.ValueSpec:
		if made, ok := one(n.Values).(*ast.CallExpr); ok && strings.HasPrefix(n.Names[0].Name, "Err") && name(made.Fun) == "errors.New" && strings.HasPrefix(path, "pkg/engine/") {
			s.add(at(files, path, n), first(made))
		}
		if id, ok := n.Type.(*ast.Ident); ok && id.Name == "Code" && len(n.Values) == 1 {
			if lit, ok := n.Values[0].(*ast.BasicLit); ok {
				s.codes = append(s.codes, lit.Value)
			}
		}
	case *ast.KeyValueExpr:
		if key, ok := n.Key.(*ast.Ident); ok && key.Name == "ID" {
			if id := stepKind(first(n.Value)); id != "" {
				s.steps = append(s.steps, id)
			}
		}
	case *ast.CallExpr:
		s.call(n, at(files, path, n))
	case *ast.CompositeLit:
		s.observation(n, at(files, path, n))
	}
}

func at(files *token.FileSet, path string, n ast.Node) string {
	return path + ":" + strconv.Itoa(files.Position(n.Pos()).Line)
}

// call reads gate("x", …), and errors made with a code that is a no.
func (s *said) call(n *ast.CallExpr, at string) {
	switch name(n.Fun) {
	case "gate":
		id := "gate:" + first(n.Args[0])
		s.steps, s.all = append(s.steps, id), append(s.all, id)
	case "fault.New":
		if slices.Contains(noes, name(n.Args[0])) {
			s.add(at, first(n.Args[2]))
		}
	case "fault.Wrap": // of an error that is worded there
		if made, ok := n.Args[2].(*ast.CallExpr); ok && name(made.Fun) == "fmt.Errorf" && slices.Contains(noes, name(n.Args[0])) {
			s.add(at, joined(made.Args[0]))
		}
	case "fmt.Errorf":
		if slices.ContainsFunc(n.Args, func(a ast.Expr) bool { return strings.TrimPrefix(name(a), "engine.") == "ErrNo" }) {
			s.add(at, joined(n.Args[0]))
		}
	case "append", "fmt.Sprintf": // a reason and its way out, that somebody else says
		for _, a := range n.Args {
			if reason, _, ok := strings.Cut(joined(a), "; way out: "); ok {
				s.add(at, reason)
			}
		}
	case "refused":
		s.add(at, first(n.Args[1]))
	case "c.no": // of what cannot be moved
		s.add(at, first(n.Args[0]))
	}
}

// noes are the codes of what does not go on.
var noes = []string{"fault.Refused", "fault.Stuck", "fault.Locked", "fault.Unsure", "fault.Broken"}

func one(all []ast.Expr) ast.Expr {
	if len(all) != 1 {
		return nil
	}
	return all[0]
}

// joined is what the literals say that are added up in an expression, and nothing of the calls in it.
func joined(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.BasicLit:
		return text(e)
	case *ast.BinaryExpr:
		return joined(e.X) + joined(e.Y)
	}
	return ""
}

// observation reads phase.Observation{State: phase.Failed, Detail: …}.
func (s *said) observation(n *ast.CompositeLit, at string) {
	failed, detail := false, ""
	for _, e := range n.Elts {
		kv, ok := e.(*ast.KeyValueExpr)
		if !ok {
			return
		}
		switch name(kv.Key) {
		case "State":
			failed = name(kv.Value) == "phase.Failed"
		case "Detail":
			detail = longest(kv.Value)
		}
	}
	if failed {
		s.add(at, detail)
	}
}

// add keeps the longest part of a format that is always said.
func (s *said) add(at, format string) {
	best := ""
	for _, part := range regexp.MustCompile(`%[+#]?[0-9.]*[a-zA-Z]`).Split(format, -1) {
		if part = strings.Trim(part, " ,;:()"); len(part) > len(best) {
			best = part
		}
	}
	if len(best) >= 8 {
		s.nos = append(s.nos, no{at, best})
	}
}

// stepKind is what an ID begins with: "swap:", "prove:keeper".
func stepKind(id string) string {
	if !strings.Contains(id, ":") {
		return ""
	}
	return id[:strings.IndexAny(id+"/", "/+%")]
}

// first is the first string literal in an expression, longest the longest one.
func first(e ast.Expr) string {
	found := literals(e)
	if len(found) == 0 {
		return ""
	}
	return found[0]
}

func longest(e ast.Expr) string {
	best := ""
	for _, s := range literals(e) {
		if len(s) > len(best) {
			best = s
		}
	}
	return best
}

func literals(e ast.Expr) []string {
	var out []string
	ast.Inspect(e, func(n ast.Node) bool {
		if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
			out = append(out, text(lit))
		}
		return true
	})
	return out
}

func text(lit *ast.BasicLit) string {
	s, err := strconv.Unquote(lit.Value)
	if err != nil {
		return lit.Value
	}
	return s
}

// name is "f" of f, "p.F" of p.F.
func name(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return name(e.X) + "." + e.Sel.Name
	}
	return ""
}
