package cutover_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// no is what the product says when it does not go on, and where.
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
	case *ast.FuncDecl:
		if strings.HasPrefix(path, "pkg/phase/") && n.Body != nil {
			s.complaint(n, path, files)
		}
	case *ast.ReturnStmt:
		if len(n.Results) == 2 && name(n.Results[0]) == "phase.Failed" {
			s.add(at(files, path, n), longest(n.Results[1]))
		}
	}
}

// complaint reads a function that says what is wrong, and "" if nothing is.
func (s *said) complaint(f *ast.FuncDecl, path string, files *token.FileSet) {
	if f.Type.Results == nil || len(f.Type.Results.List) > 2 || name(f.Type.Results.List[0].Type) != "string" {
		return
	}
	var says []*ast.ReturnStmt
	quiet := false
	ast.Inspect(f.Body, func(n ast.Node) bool {
		if r, ok := n.(*ast.ReturnStmt); ok && len(r.Results) > 0 {
			switch lit, ok := r.Results[0].(*ast.BasicLit); {
			case !ok || lit.Value != `""`:
				says = append(says, r)
			case len(r.Results) == 1, name(r.Results[1]) == "nil":
				quiet = true
			}
		}
		_, inner := n.(*ast.FuncLit)
		return !inner
	})
	for _, r := range says {
		if quiet {
			s.add(at(files, path, r), longest(r.Results[0]))
		}
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
		cause := strings.Contains(joined(n.Args[0]), "%w") // else it is a no of its own, whoever gives it its code
		if !cause && judges(at) || slices.ContainsFunc(n.Args, func(a ast.Expr) bool { return strings.TrimPrefix(name(a), "engine.") == "ErrNo" }) {
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

// judges: where an error that has no cause is what a judge, or a watch, says no with.
func judges(at string) bool {
	return strings.HasPrefix(at, "pkg/phase/") && !strings.HasPrefix(at, "pkg/phase/phase.go") || strings.HasPrefix(at, "pkg/probe/ledger.go") || strings.HasPrefix(at, "pkg/cli/session.go")
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
		_, index := n.(*ast.IndexExpr)
		return !index
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
