package plan

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	"cutover.dev/cutover/pkg/fault"
)

var update = flag.Bool("update", false, "write the golden files")

func golden(t *testing.T, path string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil { //nolint:gosec // a file of the repository
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

func files(t testing.TB, pattern string, least int) map[string][]byte {
	t.Helper()
	names, err := filepath.Glob(pattern)
	if err != nil || len(names) < least {
		t.Fatalf("%s: %d files, want at least %d (%v)", pattern, len(names), least, err)
	}
	all := map[string][]byte{}
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all[name] = data
	}
	return all
}

// verdict says which kinds of mistakes there are, worst first: the schema must see the structural ones and no others.
func verdict(problems []Problem) string {
	found := map[class]bool{}
	for _, p := range problems {
		found[p.class] = true
	}
	switch {
	case found[syntax]:
		return "syntax"
	case found[structural]:
		return "structural"
	case found[relational]:
		return "relational"
	}
	return "good"
}

func TestEveryBadPlanIsRefusedWithItsPlacesAndTheSchemaAgrees(t *testing.T) {
	schema := compiled(t)
	for name, data := range files(t, "testdata/bad/*.yaml", 40) {
		t.Run(filepath.Base(name), func(t *testing.T) {
			_, err := Decode(filepath.Base(name), data)
			problems, ok := errors.AsType[*Errors](err)
			if !ok || fault.CodeOf(err) != fault.Usage {
				t.Fatalf("got %v, want *Errors within a fault.Usage", err)
			}
			v := verdict(problems.Problems)
			golden(t, strings.TrimSuffix(name, ".yaml")+".out", []byte(v+"\n"+err.Error()+"\n"))
			if v != "syntax" {
				agrees(t, schema, data, v)
			}
		})
	}
}

func TestEveryGoodPlanLoadsAndTheSchemaAgrees(t *testing.T) {
	schema := compiled(t)
	all := files(t, "testdata/good/*.yaml", 3)
	for name, data := range files(t, "../../plans/*.yaml", 1) {
		all[name] = data
	}
	for name, data := range all {
		t.Run(filepath.Base(name), func(t *testing.T) {
			p, err := Decode(name, data)
			if err != nil {
				t.Fatal(err)
			}
			agrees(t, schema, data, "good")
			if filepath.Base(filepath.Dir(name)) != "good" {
				return
			}
			said, err := json.MarshalIndent(p, "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			out := strings.Join(p.Phases(), " ") + "\n" + p.Digest() + "\n" + string(said) + "\n"
			golden(t, strings.TrimSuffix(name, ".yaml")+".out", []byte(out))
			if _, err := Decode("again", said); err != nil {
				t.Errorf("the plan with its defaults is none: %v", err)
			}
		})
	}
}

func TestTheCommittedSchemaIsTheOneThatIsPrinted(t *testing.T) {
	data, err := Schema()
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "schema.json", data)
}

// agrees fails unless the schema refuses a plan exactly when its mistakes are structural.
func agrees(t *testing.T, schema *jsonschema.Schema, data []byte, verdict string) {
	t.Helper()
	var v any
	if err := yaml.Unmarshal(data, &v); err != nil {
		t.Fatal(err)
	}
	err := schema.Validate(plainly(v))
	if refused := err != nil; refused != (verdict == "structural") {
		t.Errorf("the plan is %s, and the schema says %v\n%s", verdict, err, data)
	}
}

// plainly turns what YAML reads into what a schema expects.
func plainly(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for key, item := range v {
			out[key] = plainly(item)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, item := range v {
			out[i] = plainly(item)
		}
		return out
	case uint64:
		if v > math.MaxInt64 {
			return float64(v)
		}
		return int64(v) //nolint:gosec // bounded above
	case interface{ UnixNano() int64 }: // a date: text to a plan
		return "2026-01-01"
	}
	return v
}

func compiled(t testing.TB) *jsonschema.Schema {
	t.Helper()
	data, err := Schema()
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource(SchemaID, doc); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile(SchemaID)
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

func TestTheCommittedReferenceIsTheOneThatIsWritten(t *testing.T) {
	golden(t, filepath.Join("..", "..", "docs", "plan.md"), []byte(reference(t)))
}
