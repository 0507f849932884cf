package plan

import (
	"testing"

	yaml11 "sigs.k8s.io/yaml"
)

// FuzzDecode asks that no input panics, that nothing is accepted with a mistake, that the schema and the decoder agree
// on everything that is YAML, and that what is accepted means the same to kubectl's reader of YAML 1.1.
func FuzzDecode(f *testing.F) {
	for _, pattern := range []string{"testdata/bad/*.yaml", "testdata/good/*.yaml"} {
		for _, data := range files(f, pattern, 1) {
			f.Add(data)
		}
	}
	schema := compiled(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		p, problems := decode("fuzz.yaml", data)
		for _, problem := range problems {
			if problem.Line < 1 || problem.Col < 1 || problem.Message == "" {
				t.Errorf("%+v has no place or no message", problem)
			}
		}
		v := verdict(problems)
		if v != "syntax" {
			agrees(t, schema, data, v)
		}
		if v != "good" {
			return
		}
		if p.Digest() == "" || len(p.Phases()) < 4 {
			t.Errorf("phases %v, digest %q", p.Phases(), p.Digest())
		}
		means(t, p, data)
	})
}

// means fails unless a reader of YAML 1.1 finds the same plan in data.
func means(t *testing.T, p *Plan, data []byte) {
	t.Helper()
	other, err := yaml11.YAMLToJSON(data)
	if err != nil {
		t.Fatalf("kubectl cannot read it: %v\n%s", err, data)
	}
	again, problems := decode("1.1", other)
	if len(problems) > 0 || again.Digest() != p.Digest() {
		t.Errorf("kubectl reads another plan\n%s\nin\n%s\n%v", data, other, problems)
	}
}
