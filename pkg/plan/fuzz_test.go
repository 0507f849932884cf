package plan

import "testing"

// FuzzDecode asks that no input panics, that nothing is accepted with a mistake, and that the schema and the decoder
// agree on everything that is YAML.
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
		if v == "good" && (p.Digest() == "" || len(p.Phases()) < 4) {
			t.Errorf("phases %v, digest %q", p.Phases(), p.Digest())
		}
	})
}
