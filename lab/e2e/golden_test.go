package e2e

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"cutover.dev/cutover/lab/rehearse"
)

var update = flag.Bool("update", false, "rewrite the golden files of what users see")

// saying is a process of which it is known how it has to end: with that exit code, and with what a golden file shows.
type saying struct {
	*running
	name string
	code int
}

// saying starts a verb with text output.
func (r *rig) saying(t *testing.T, name string, code int, verb string, args ...string) saying {
	t.Helper()
	return saying{r.begin(t, r.tool, nil, never, verbLine(r.tool, verb, args...)...), name, code}
}

// said waits for the ends of processes that run side by side, and wants their exit codes and what the user sees.
func (r *rig) said(t *testing.T, all ...saying) {
	t.Helper()
	for _, s := range all {
		r.shows(t, s.name, s.code, s.end(t, verbEnd))
	}
}

// shows wants an exit code and what a golden file shows.
func (r *rig) shows(t *testing.T, name string, code int, got rehearse.Result) {
	t.Helper()
	t.Logf("%s: %.1f s", name, got.Took.Seconds())
	if got.Code != code {
		t.Errorf("%s: cutover %s ended with exit code %d, want %d:\n%s", name, strings.Join(got.Args, " "), got.Code, code, got.Stderr)
	}
	golden(t, "wrong/"+name, shown(got, r.tool.Dir))
}

// says runs one such process.
func (r *rig) says(t *testing.T, name string, code int, verb string, args ...string) {
	t.Helper()
	r.said(t, r.saying(t, name, code, verb, args...))
}

// golden holds what a user sees against testdata/<name>.golden.
func golden(t *testing.T, name, is string) {
	t.Helper()
	file := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(is), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("read what was seen before (-update writes it): %v", err)
	}
	if is != string(want) {
		t.Errorf("%s: the user sees now\n%s\nand saw before\n%s", file, is, want)
	}
}

// shown is what a user sees of a process, without what differs each time: of the narration only what is wrong, since lanes
// run side by side, and neither times nor names that somebody draws.
func shown(got rehearse.Result, root string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "$ cutover %s\n", strings.Join(got.Args, " "))
	keep := true
	for line := range strings.Lines(string(got.Stderr)) {
		switch l, told := rehearse.LineOf(line); {
		case told:
			keep = slices.Contains(worthSeeing, l.Word)
		case !timed.MatchString(line): // else it goes on with the error of the line before
			keep = !chance.MatchString(line)
		}
		if keep {
			b.WriteString(line)
		}
	}
	if len(got.Stdout) > 0 {
		fmt.Fprintf(&b, "--- stdout\n%s", got.Stdout)
	}
	fmt.Fprintf(&b, "--- exit code %d\n", got.Code)
	out := strings.ReplaceAll(b.String(), root+string(filepath.Separator), "")
	for _, v := range varying {
		out = v.find.ReplaceAllString(out, v.put)
	}
	return out
}

// worthSeeing are the words of the narration that are not repeated at the end, and do not depend on which lane was faster.
var worthSeeing = []string{"watch", "stopped", "left"}

var (
	timed  = regexp.MustCompile(`^\d\d:\d\d:\d\dZ `)
	chance = regexp.MustCompile(`^    seen: \w+: (event at |pod \S+: container \w+ waits: ContainerCreating\b)`) // which of them are there by then
)

var varying = []struct {
	find *regexp.Regexp
	put  string
}{
	{regexp.MustCompile(`; event at .*`), "; EVENTS"},
	{regexp.MustCompile(`\d\d\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z`), "DATE"},
	{regexp.MustCompile(`\d\d:\d\d:\d\dZ`), "TIME"},
	{regexp.MustCompile(`127\.0\.0\.1:\d+`), "ADDRESS"},
	{regexp.MustCompile(`is damaged: .*`), "is damaged: WHY"},
	{regexp.MustCompile(`\[ *\d+/\d+\]`), "[N]"},
	{regexp.MustCompile(`\b[0-9a-f]{64}\b`), "DIGEST"},
	{regexp.MustCompile(`\b((live|extra|web|cart|api|cutover-[a-z]+))-[0-9a-f]{8,10}-[a-z0-9]{5}\b`), "$1-POD"},
	{regexp.MustCompile(`\b((live|extra|web|cart|api|cutover-[a-z]+))-[0-9a-f]{8,10}\b`), "$1-HASH"},
	{regexp.MustCompile(`\b10\.6[12]\.\d+\.\d+\b`), "POD-IP"},
	{regexp.MustCompile(`(\d+) requests, (\d+) lost, (\d+) wrong`), "N requests"},
	{regexp.MustCompile(`\d+ sent, \d+ lost`), "N sent"},
	{regexp.MustCompile(`; \d+(\.\d+)?(ms|s)\n`), "; SECONDS\n"},
	{regexp.MustCompile(`; \d+m\d+s\n`), "; SECONDS\n"},
	{regexp.MustCompile(`took more than [\d.]+m?s; it took [\d.]+m?s before and may take [\d.]+m?s`), "took more than X; it took Y before and may take Z"},
	{regexp.MustCompile(`container app waits: (ErrImagePull|ImagePullBackOff) [^;\n]*`), "container app waits: IMAGE"},
	{regexp.MustCompile(`the status of Ingress \S+ in old changed from .* to .*: the bridge`), "the status of an Ingress in old changed: the bridge"},
	{regexp.MustCompile(`\S+ answered badly twice in a row: [^\n]*`), "HOST answered badly twice in a row: HOW"},
}

func TestEveryGoldenFileIsOfATestThatIsStillThere(t *testing.T) {
	var source strings.Builder
	files, err := filepath.Glob("*_test.go")
	for _, file := range files {
		source.WriteString(readFile(t, file))
	}
	seen, err2 := filepath.Glob(filepath.Join("testdata", "*", "*.golden"))
	if err := errors.Join(err, err2); err != nil || len(seen) == 0 {
		t.Fatalf("%d golden files (%v)", len(seen), err)
	}
	for _, file := range seen {
		name := strings.TrimSuffix(filepath.Base(file), ".golden")
		if !strings.Contains(source.String(), strconv.Quote(name)) && !strings.Contains(source.String(), "/"+name+`"`) {
			t.Errorf("%s: no test names it", file)
		}
	}
}

func TestWhatIsSeenDiffersOnlyInWhatCounts(t *testing.T) {
	of := func(stderr string) string {
		return shown(rehearse.Result{Args: []string{"apply", "--plan", "/checkout/plan.yaml"}, Code: 3, Stderr: []byte(stderr), Stdout: []byte("digest " + strings.Repeat("a", 64) + "\n")}, "/checkout")
	}
	a := of("06:08:18Z [ 4/37] doing    copy Service shop/web to new\n06:08:19Z watch    it is this phase's turn: no\n06:08:19Z            why\n" +
		"cutover: error: pod live-5d8f6c7b9d-x2x4z waits\n    seen: new: event at 06:08:18Z: BackOff\n\napply: refused, nothing was changed; 1.2s\n")
	b := of("07:08:18Z watch    it is this phase's turn: no\n07:08:18Z            why\n07:08:18Z [ 5/37] done     copy Service shop/web to new\n" +
		"cutover: error: pod live-6d8f6c7b9d-y2x4z waits\n\napply: refused, nothing was changed; 3.2s\n")
	want := "$ cutover apply --plan plan.yaml\nTIME watch    it is this phase's turn: no\nTIME            why\n" +
		"cutover: error: pod live-POD waits\n\napply: refused, nothing was changed; SECONDS\n--- stdout\ndigest DIGEST\n--- exit code 3\n"
	if a != want || b != want {
		t.Errorf("shown is\n%s\nand\n%s\nwant\n%s", a, b, want)
	}
	if c := of("cutover: error: another\n"); c == want {
		t.Error("another error looks the same")
	}
}
