package report_test

import (
	"bytes"
	"strings"
	"testing"

	"cutover.dev/cutover/pkg/engine"
	"cutover.dev/cutover/pkg/phase"
	paths "cutover.dev/cutover/pkg/phase/link" // link is a name here
	"cutover.dev/cutover/pkg/report"
)

func TestWhoReachesWhatIsShownInEveryForm(t *testing.T) {
	r := report.NewRecorder("apply", "link")
	seen := func(what engine.What, facts map[string]any) {
		r.Emit(engine.Event{What: what, Step: "prove:x", Observation: phase.Observation{Detail: "x", Facts: facts}})
	}
	bridge := paths.Row{Path: paths.Path{What: paths.Bridge, From: "new", To: "10.1.1.36:8080", Later: "bridge.manifests"}, State: paths.Refused, IfRejected: "allow tcp from new to 10.1.1.36 port 8080"}
	tail := paths.Row{Path: paths.Path{What: paths.Tail, From: "old", To: "10.2.1.36:8080"}, State: paths.TimedOut, Rule: "allow tcp from old to 10.2.1.36 port 8080"}
	entry := paths.Row{Path: paths.Path{What: paths.EntryNew, From: "here", To: "10.2.1.1:80"}, State: paths.Open, Millis: 1.5, Large: true}
	seen("observed", map[string]any{paths.PathFact + "new/10.1.1.36:8080": []paths.Row{bridge}})
	handed := r.Document()
	seen("waiting", map[string]any{paths.PathFact + "old/10.2.1.36:8080": []paths.Row{{Path: tail.Path, State: paths.Unsure}}})
	early := r.Document()
	seen("observed", map[string]any{paths.PathFact + "old/10.2.1.36:8080": []paths.Row{tail}, paths.OneWayFact: "the link works one way only"})
	seen("done", map[string]any{paths.PathFact + "here/10.2.1.1:80": []paths.Row{entry}, paths.RangesFact: paths.Overview{Overlaps: []string{"pods and pods"}}})
	d := r.Document()
	if d.Link == nil || len(d.Link.Paths) != 3 || len(handed.Link.Paths) != 1 || early.Link.Paths[1].State != paths.Unsure {
		t.Fatalf("%+v, and what was handed out before %+v", d.Link, handed.Link)
	}
	md, _ := report.Markdown(d, 0)
	has(t, md, "| new | 10.1.1.36:8080 | bridge | refused, until bridge.manifests is applied | if a firewall rejects: allow tcp from new to 10.1.1.36 port 8080 |", "| old | 10.2.1.36:8080 | tail | **timed out** | allow tcp from old to 10.2.1.36 port 8080 |",
		"| here | 10.2.1.1:80 | entry of new | open, 1.5ms, large packets too |  |", "**the link works one way only**", "In both: pods and pods")
	var text, doc bytes.Buffer
	if err := report.End(&text, d); err != nil {
		t.Fatal(err)
	}
	has(t, text.String(), "old ->", "10.2.1.36:8080  tail", "\nmissing: allow tcp from old to 10.2.1.36 port 8080\n", "\nif a firewall rejects: allow tcp from new to 10.1.1.36 port 8080\n", "the link works one way only", "in both: pods and pods")
	if err := d.JSON(&doc); err != nil {
		t.Fatal(err)
	}
	has(t, doc.String(), `"oneWay": "the link works one way only"`, `"state": "timed out"`, `"rule": "allow tcp`, `"ifRejected": "allow tcp`)
}

// An approver reads what is bold: what link takes for a no must be, and nothing else.
func TestWhatDoesNotHoldIsBoldAlsoWhereSomethingIsStartedLater(t *testing.T) {
	for _, later := range []string{"", "bridge.manifests"} {
		for _, state := range []string{
			paths.Open, paths.Refused, paths.TimedOut, paths.NoRoute, paths.NoName, paths.NoAnswer, paths.Small, paths.NoUDP, paths.Another, paths.Inside, paths.Unsure,
		} {
			row := paths.Row{Path: paths.Path{What: paths.Bridge, From: "new", To: "10.1.1.36:8080", Later: later}, State: state}
			d := report.Document{Verb: "apply", Link: report.Reached(nil, []engine.Line{{Seen: phase.Observation{Facts: map[string]any{paths.PathFact + "x": []paths.Row{row}}}}})}
			md, _ := report.Markdown(d, 0)
			var text bytes.Buffer
			if err := report.End(&text, d); err != nil {
				t.Fatal(err)
			}
			if bold := strings.Contains(md, "| **"+state); bold == row.Holds() {
				t.Errorf("%s, later %q, is bold: %t\n%s", state, later, bold, md)
			}
			if waits := strings.Contains(md+text.String(), "until"); waits != (row.Holds() && state != paths.Open) {
				t.Errorf("%s, later %q, is only waited for: %t\n%s%s", state, later, waits, md, text.String())
			}
		}
	}
}

// weighty is a fact of another phase: some of them are large, and there is an event every second.
type weighty struct{ read *int }

func (w weighty) MarshalJSON() ([]byte, error) {
	*w.read++
	return []byte("{}"), nil
}

func TestFactsOfOtherPhasesAreNotRead(t *testing.T) {
	var read int
	l := report.Reached(nil, []engine.Line{{Seen: phase.Observation{Facts: map[string]any{"migrate.prober": weighty{&read}}}}})
	if l != nil || read != 0 {
		t.Errorf("%+v, read %d times", l, read)
	}
}

func has(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, p := range parts {
		if !strings.Contains(text, p) {
			t.Errorf("%q is not in\n%s", p, text)
		}
	}
}
