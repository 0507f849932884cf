package runnertest

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// manifest is what action.yml says of an action.
type manifest struct {
	Inputs map[string]struct{ Default string }
	Runs   struct {
		Entrypoint     string
		PostEntrypoint string `yaml:"post-entrypoint"`
		Args           []string
	}
}

// The manifest of this module. A test begins in the folder of its package, and may leave it.
var ours, errOurs = find()

func find() (m manifest, err error) {
	dir, err := os.Getwd()
	if err != nil {
		return m, err
	}
	for {
		text, err := os.ReadFile(filepath.Join(dir, "action.yml"))
		if err == nil {
			return m, yaml.Unmarshal(text, &m)
		}
		if parent := filepath.Dir(dir); parent != dir {
			dir = parent
			continue
		}
		return m, err
	}
}

func (s *Step) manifest() manifest {
	s.t.Helper()
	if errOurs != nil {
		s.t.Fatalf("read action.yml: %v", errOurs)
	}
	return ours
}

// With gives the step its inputs, as `with:` does: name, value, name, value. Every other input that action.yml declares has its
// default. An input that it does not declare is passed on too, with a warning. GITHUB_TOKEN is what github.token stands for.
func (s *Step) With(pairs ...string) *Step {
	s.t.Helper()
	declared := s.manifest().Inputs
	given := map[string]string{}
	for i := 0; i+1 < len(pairs); i += 2 {
		given[pairs[i]] = pairs[i+1]
	}
	var unexpected []string
	for name := range given {
		if _, ok := declared[name]; !ok {
			unexpected = append(unexpected, name)
		}
	}
	for name, input := range declared {
		if _, ok := given[name]; !ok {
			given[name] = s.evaluate(input.Default)
		}
	}
	for name, value := range given {
		s.Env[inputVariable(name)] = value
	}
	if slices.Sort(unexpected); len(unexpected) > 0 {
		s.log.mu.Lock()
		defer s.log.mu.Unlock()
		s.log.note(Annotation{Level: "warning", Message: fmt.Sprintf("Unexpected input(s) '%s'", strings.Join(unexpected, "', '"))})
	}
	return s
}

// inputVariable keeps dashes, as the runner does.
func inputVariable(input string) string {
	return "INPUT_" + strings.ToUpper(strings.ReplaceAll(input, " ", "_"))
}

func (s *Step) evaluate(text string) string {
	s.t.Helper()
	switch inner, isExpression := strings.CutPrefix(text, "${{"); {
	case !isExpression:
		return text
	case strings.TrimSpace(strings.TrimSuffix(inner, "}}")) == "github.token":
		s.masks.add(s.Env["GITHUB_TOKEN"])
		return s.Env["GITHUB_TOKEN"]
	}
	s.t.Fatalf("action.yml has an expression that runnertest does not know: %s", text)
	return ""
}
