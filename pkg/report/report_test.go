package report_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"cutover.dev/cutover/pkg/engine"
	"cutover.dev/cutover/pkg/fault"
	"cutover.dev/cutover/pkg/phase"
	"cutover.dev/cutover/pkg/probe"
	"cutover.dev/cutover/pkg/report"
)

var update = flag.Bool("update", false, "write the golden files")

func golden(t *testing.T, got string) {
	t.Helper()
	path := filepath.Join("testdata", strings.ReplaceAll(t.Name(), "/", "-")+".golden")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("not as in %s (go test -update writes it):\n%s", path, diff)
	}
}

var begin = time.Date(2026, 11, 22, 3, 4, 5, 0, time.UTC)

const (
	one = "apply:new/shop/Ingress/web"
	two = "apply:new/shop/Ingress/cart"
)

// story is a run that waits, goes on and fails.
func story() []engine.Event {
	seen := func(s phase.State, detail string) phase.Observation {
		return phase.Observation{State: s, Detail: detail}
	}
	at := func(s int) time.Time { return begin.Add(time.Duration(s) * time.Second) }
	list := []engine.Event{
		{At: at(0), What: "phase", Phase: "routes", Of: 4},
		{At: at(0), What: "gate", Step: "gate:clusters", Title: "both clusters are the pinned ones", Observation: seen(phase.Done, "old 0b7f, new 5b1c")},
		{At: at(0), What: "gate", Step: "gate:bridge", Title: "the bridge answers", Err: errors.New("ask the bridge: timeout\nask again: refused")},
		{At: at(1), What: "group", Group: "ingresses"},
		{At: at(1), What: "observed", Step: "apply:new/shop/Secret/tls", Title: "apply Secret shop/tls in new", N: 1, Of: 4, Observation: seen(phase.Done, "as wanted")},
		{At: at(1), What: "done", Step: "apply:new/shop/Secret/tls", Title: "apply Secret shop/tls in new", N: 1, Of: 4, Observation: seen(phase.Done, "as wanted")},
		{At: at(1), What: "begun", Step: one, Title: "apply Ingress shop/web in new", N: 1, Of: 4},
		{At: at(1), What: "applied", Step: one, Title: "apply Ingress shop/web in new", N: 1, Of: 4},
	}
	for s := 2; s < 16; s++ {
		list = append(list, engine.Event{
			At: at(s), What: "waiting", Step: one, Title: "apply Ingress shop/web in new", N: 1, Of: 4,
			Observation: seen(phase.Settling, fmt.Sprintf("%d of 9 paths answer", s)),
		})
	}
	books := phase.Observation{State: phase.Done, Detail: "9 of 9 paths answer", Facts: map[string]any{
		"requests/shop.example.com/": &probe.Ledger{
			Sent: 50, Good: 48, Wrong: 1, Lost: 1, LongestGap: 1500 * time.Millisecond, P50: 12 * time.Millisecond, P99: 250 * time.Millisecond,
			Bad: []probe.Sample{{Target: "shop.example.com/", ID: "ABC", Class: probe.Reset, Error: "reset | by `peer`"}},
		},
		"ttl.seenAt/shop.example.com": begin,
	}}
	return append(
		list,
		engine.Event{At: at(16), What: "done", Step: one, Title: "apply Ingress shop/web in new", N: 2, Of: 4, Observation: books},
		engine.Event{At: at(17), What: "begun", Step: two, Title: "apply Ingress shop/cart in new\x1b[2K", N: 2, Of: 4},
		engine.Event{At: at(18), What: "failed", Step: two, Title: "apply Ingress shop/cart in new", N: 2, Of: 4, Err: errors.New("owned by @helm: release | cart\nnot ours")},
		engine.Event{At: at(18), What: "stopped", Title: "stopped at a safe point", N: 2, Of: 4},
	)
}

func TestNarrationOfAFailingRun(t *testing.T) {
	var out bytes.Buffer
	sink := report.NewText(&out)
	for _, e := range story() {
		sink.Emit(e)
	}
	golden(t, out.String())
}

func TestThousandsOfStepsAreToldAsProgress(t *testing.T) {
	var out bytes.Buffer
	sink := report.NewText(&out)
	for i := range 5000 {
		at := begin.Add(time.Duration(i) * 10 * time.Millisecond)
		id := fmt.Sprint("apply:", i)
		sink.Emit(engine.Event{At: at, What: "begun", Step: id, N: i, Of: 5000})
		sink.Emit(engine.Event{At: at, What: "done", Step: id, N: i + 1, Of: 5000})
		if i == 2500 {
			sink.Emit(engine.Event{At: at, What: "failed", Step: "apply:x", N: i, Of: 5000, Err: errors.New("must be seen")})
		}
	}
	golden(t, out.String())
}

func recorded(err error) report.Document {
	r := report.NewRecorder("apply", "")
	r.Expect([]phase.Group{{Name: "ingresses", Lanes: []phase.Lane{
		{{ID: "apply:new/shop/Secret/tls", Title: "apply Secret shop/tls in new"}, {ID: one}, {ID: two}},
		{{ID: "delete:old/shop/Ingress/web", Title: "delete Ingress shop/web in old", Final: "its status is not kept"}},
	}}})
	for _, e := range story() {
		report.Tee{r}.Emit(e)
	}
	time.Sleep(18 * time.Second) // in a bubble
	d := r.Document()
	d.Plan, d.Digest = "plans/shop.yaml", "3f9c2a7e"
	d.Fail(err)
	return d
}

func failed() report.Document {
	d := recorded(fault.New(fault.Broken, "see docs/troubleshooting.md", "apply Ingress shop/cart in new: owned by Helm\nand by `nobody`"))
	d.GoOn = "cutover apply --plan plans/shop.yaml --phase routes"
	d.GoBack = "cutover rollback --plan plans/shop.yaml --to proxy"
	d.Steps[2].Facts = []string{"pod shop/cart-1 is not ready: ImagePullBackOff", "event <b>&nbsp;"}
	d.Served = []report.Served{
		{Host: "shop.example.com", Path: "/", Service: "web", By: "proxy"},
		{Host: "shop.example.com", Path: "/cart", Service: "cart", By: "new", Tail: true},
		{Host: "*.blog.example.com", Path: "/", Service: "blog", By: "old"},
		{Host: "x", Path: "/", Service: "x"},
	}
	return d
}

func TestTheLinesThatGoOnWithAnErrorAreNoErrorsOfTheirOwn(t *testing.T) {
	var out bytes.Buffer
	d := report.Document{Verb: "verify"}
	d.Fail(fault.New(fault.Refused, "to set it right: x", "drift of a\n    spec.x: 1 -> 2\ndrift of b\n    spec.y: 3 -> 4"))
	if err := report.End(&out, d); err != nil {
		t.Fatal(err)
	}
	want := "cutover: error: drift of a\n    spec.x: 1 -> 2\ncutover: error: drift of b\n    spec.y: 3 -> 4\ncutover: hint: to set it right: x\n\n"
	if !strings.HasPrefix(out.String(), want) {
		t.Errorf("it says\n%s", out.String())
	}
}

func TestResultDocument(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		if err := failed().JSON(&out); err != nil {
			t.Fatal(err)
		}
		golden(t, out.String())
	})
}

func TestEndOfAFailingRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		if err := report.End(&out, failed()); err != nil {
			t.Fatal(err)
		}
		golden(t, out.String())
	})
}

func TestARefusedRunListsNoSteps(t *testing.T) {
	d := report.Document{Verb: "apply", Phase: "routes", Steps: []report.Step{{ID: one, State: report.Done}, {ID: two, State: report.Pending}}}
	d.Fail(fault.New(fault.Refused, "", "it is not the turn of routes"))
	var out bytes.Buffer
	if err := report.End(&out, d); err != nil {
		t.Fatal(err)
	}
	if text := out.String(); strings.Contains(text, one) || strings.Contains(text, two) || !strings.Contains(text, "1 of 2 steps done") {
		t.Errorf("nothing was changed, and what is not done is everything:\n%s", text)
	}
}

func TestSummaryOfAFailingRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		text, truncated := report.Markdown(failed(), 0)
		if truncated {
			t.Error("truncated")
		}
		golden(t, text)
	})
}

func TestEndOfAWaitingRun(t *testing.T) {
	d := report.Document{Verb: "apply", Phase: "dns", NotBefore: begin, Seconds: 0.25, Next: "migrate/web"}
	d.Fail(fault.New(fault.Waiting, "", "not before"))
	d.Error = nil
	var out bytes.Buffer
	if err := report.End(&out, d); err != nil {
		t.Fatal(err)
	}
	golden(t, out.String())
}

func TestEndOfARollback(t *testing.T) {
	r := report.NewRecorder("rollback", "routes")
	for i, what := range []engine.What{"reverting", "waiting", "reverted"} {
		r.Emit(engine.Event{
			What: what, Step: one, N: i, Of: 2, Observation: phase.Observation{State: phase.Settling, Detail: "as it was"},
		})
	}
	r.Emit(engine.Event{What: "reverting", Step: two, N: 1, Of: 2})
	d := r.Document()
	d.Seconds = 1.25
	d.Fail(fault.New(fault.Stuck, "", "take back %s: refused", two))
	var out bytes.Buffer
	if err := report.End(&out, d); err != nil {
		t.Fatal(err)
	}
	golden(t, out.String())
}

func planned() report.Document {
	step := func(id, title string) phase.Step { return phase.Step{ID: id, Title: title, Apply: nothing} }
	final := step("delete:new/shop/Service/cutover-proxy", "delete Service shop/cutover-proxy in new")
	final.Final = "nothing points at it any more"
	proof := step("prove:bridge", "the bridge answers for every host")
	proof.Apply = nil
	return report.Document{Verb: "plan", Phase: "routes", Plan: "plans/shop.yaml", Digest: "3f9c2a7e", WayBack: "roll back dns, then routes; dns waits", Steps: report.Planned([]engine.Line{
		{Group: "bridge", Step: proof},
		{Group: "ingresses", Step: step(one, "apply Ingress shop/web in new"), Seen: phase.Observation{
			Detail: "differs", Diff: "-  class: \"nginx\"\n+  class: \"main\u202e\"\n+  note: \"```\"\n",
		}},
		{Group: "ingresses", Step: step(two, "apply Ingress shop/cart in new"), Seen: phase.Observation{State: phase.Done, Detail: "as wanted", Diff: "no"}},
		{Group: "ingresses", Step: step("apply:a", "apply a"), Seen: phase.Observation{State: phase.Failed, Detail: "owned by Helm release cart"}},
		{Group: "ingresses", Step: step("apply:b", "apply b"), Err: errors.New("get b: timeout")},
		{Group: "cleanup", Step: final},
	})}
}

func TestPlanTable(t *testing.T) {
	var out bytes.Buffer
	if err := report.Plan(&out, planned()); err != nil {
		t.Fatal(err)
	}
	golden(t, out.String())
}

func TestPlanSummary(t *testing.T) {
	d := planned()
	d.Fail(nil)
	text, truncated := report.Markdown(d, 0)
	if truncated {
		t.Error("truncated")
	}
	golden(t, text)
}

func TestLedgersOfTheProberAreUnderstood(t *testing.T) {
	r := report.NewRecorder("verify", "routes")
	l := &probe.Ledger{Sent: 3, Good: 1, Wrong: 1, Lost: 1, LongestGap: time.Second, P50: time.Millisecond, ByClass: map[probe.Class]int{probe.Reset: 1}}
	data, err := json.Marshal(l)
	if err != nil {
		t.Fatal(err)
	}
	for name, fact := range map[string]any{"live": l, "journaled": json.RawMessage(data)} {
		r.Emit(engine.Event{What: "done", Step: "x", Observation: phase.Observation{Facts: map[string]any{probe.FactPrefix + name: fact}}})
	}
	want := report.Requests{Sent: 3, Good: 1, Wrong: 1, Lost: 1, LongestGap: 1000, P50: 1, ByClass: map[string]int{"reset": 1}}
	got := r.Document().Requests
	if len(got) != 2 {
		t.Fatalf("%d ledgers", len(got))
	}
	for _, g := range got {
		want.Name = g.Name
		if diff := cmp.Diff(want, g); diff != "" {
			t.Errorf("%s: %s", g.Name, diff)
		}
	}
}

func TestAnEndlessErrorIsCutForPeople(t *testing.T) {
	d := report.Document{Verb: "verify"}
	d.Fail(fault.New(fault.Refused, "look at the bridge", "%s", strings.TrimSuffix(strings.Repeat("a route is not answered\n", 5000), "\n")))
	var out bytes.Buffer
	if err := report.End(&out, d); err != nil {
		t.Fatal(err)
	}
	if text := out.String(); strings.Count(text, "a route is") != 50 || !strings.Contains(text, "and 4950 lines more") || !strings.Contains(text, "hint: look at the bridge") {
		t.Errorf("%d lines, and at the end\n%s", strings.Count(text, "\n"), text[max(0, len(text)-300):])
	}
}

func TestARunThatWentBackInPartSaysBoth(t *testing.T) {
	d := report.Document{Verb: "apply", Phase: "migrate/web", Result: "failed", Steps: []report.Step{{ID: one, State: report.Done}, {ID: two, State: report.Reverted}}}
	if text := report.Verdict(d); !strings.Contains(text, "1 of 2 steps done, 1 taken back") {
		t.Error(text)
	}
}
