package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"cutover.dev/cutover/lab/load/ledger"
)

func TestTheScriptTakesTheLastWaveBackAndMovesTheClients(t *testing.T) {
	acts, err := script([]string{"proxy", "routes", "migrate/a", "migrate/b", "cleanup"})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, a := range acts {
		got = append(got, strings.TrimSpace(fmt.Sprintf("%s %s %s", a.Do, a.Phase, a.To)))
	}
	want := []string{
		"apply proxy", "apply routes", "move", "apply migrate/a", "apply migrate/b", "rollback migrate/b migrate/a",
		"apply migrate/b", "end", "apply cleanup",
	}
	if !slices.Equal(got, want) {
		t.Errorf("acts are %q, want %q", got, want)
	}
}

// Nobody moves clients that go where their names lead.
func TestWhereNamesMoveTheClientsFollowThem(t *testing.T) {
	acts, err := script([]string{"ttl", "proxy", "routes", "dns", "migrate/a", "migrate/b", "cleanup"})
	if err != nil {
		t.Fatal(err)
	}
	if slices.ContainsFunc(acts, func(a act) bool { return a.Do == move }) {
		t.Errorf("the lab moves them: %v", acts)
	}
}

func TestARunWhoseNamesDidNotMoveDoesNotCount(t *testing.T) {
	good := func() *dnsPart {
		return &dnsPart{TTLBefore: 8, TTLAfter: 2, SwapSeconds: 1.4, swapped: true, Residual: []came{{Hosts: []string{"shop.test"}, Requests: 7}}}
	}
	if got := good().problems(); len(got) != 0 {
		t.Errorf("a good run has the problems %q", got)
	}
	if got := (*dnsPart)(nil).problems(); len(got) != 0 {
		t.Errorf("a run without names has the problems %q", got)
	}
	for name, change := range map[string]func(*dnsPart){
		"never lowered":  func(p *dnsPart) { p.TTLAfter = 8 },
		"low before":     func(p *dnsPart) { p.TTLBefore = 2 },
		"never swapped":  func(p *dnsPart) { p.swapped = false },
		"nobody counted": func(p *dnsPart) { p.Residual[0].Requests = 0 },
	} {
		p := good()
		if change(p); len(p.problems()) != 1 {
			t.Errorf("%s: problems are %q", name, p.problems())
		}
	}
	if s := good().markdown(); !strings.Contains(s, "| TTL before and during the move | 8 s / 2 s |") || !strings.Contains(s, "| shop.test | 7 |") {
		t.Error(s)
	}
}

func TestAPlanThatShowsNothingIsRefused(t *testing.T) {
	for _, phases := range [][]string{nil, {"proxy", "routes", "cleanup"}, {"routes", "migrate/a"}, {"migrate/a", "cleanup"}} {
		if acts, err := script(phases); err == nil {
			t.Errorf("%v has the acts %v", phases, acts)
		}
	}
}

func TestOnlyALosslessRunOfEnoughRequestsCounts(t *testing.T) {
	if got := problems(ledger.Counters{Sent: 15000}, 15000, nil); len(got) != 0 {
		t.Errorf("a good run has the problems %q", got)
	}
	for name, got := range map[string][]string{
		"lost":   problems(ledger.Counters{Sent: 15000, Lost: 1}, 15000, nil),
		"few":    problems(ledger.Counters{Sent: 14999}, 15000, nil),
		"failed": problems(ledger.Counters{Sent: 15000}, 15000, errors.New("proxy: no")),
	} {
		if len(got) != 1 {
			t.Errorf("%s: problems are %q", name, got)
		}
	}
}

func TestTheReportHasWhatOthersRead(t *testing.T) {
	r := newReport()
	r.Phases = append(r.Phases, phaseRow{Name: "proxy", Verb: "apply", Seconds: 1.5, Steps: 3, OK: true})
	r.Requests = ledger.Counters{Sent: 5, ByCluster: map[string]int{"old": 5}, ByClass: map[ledger.Class]int{ledger.OK: 5}}
	r.Requests.Bad = []ledger.Entry{{Detail: "a|b\nc"}}
	dir := t.TempDir()
	if err := r.write(dir); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(dir, "report.json"))
	if err != nil {
		t.Fatal(err)
	}
	var back struct {
		Phases []struct {
			Name    string
			Seconds float64
			Steps   int
		}
		Requests struct {
			Sent, Lost   *int
			ByCluster    map[string]int
			LongestGapMs *int
			ByClass      map[string]int
		}
		Machine  map[string]any
		Versions *map[string]string
	}
	if err := json.Unmarshal(b, &back); err != nil {
		t.Fatal(err)
	}
	if len(back.Phases) != 1 || back.Phases[0].Steps != 3 || back.Requests.Sent == nil || back.Requests.Lost == nil ||
		back.Requests.LongestGapMs == nil || back.Requests.ByCluster["old"] != 5 || back.Requests.ByClass["ok"] != 5 || len(back.Machine) == 0 {
		t.Errorf("the report is %s", b)
	}
	md, err := os.ReadFile(filepath.Join(dir, "report.md"))
	if err != nil || !strings.Contains(string(md), "| proxy | 1.5 | 3 |") || !strings.Contains(string(md), "a/b c") {
		t.Errorf("the text is %s (%v)", md, err)
	}
	var table bytes.Buffer
	r.print(&table)
	if !strings.Contains(table.String(), "proxy") || !strings.Contains(table.String(), "answered by old") {
		t.Errorf("the table is %s", table.String())
	}
}

func TestTheNarrationKeepsTheLastWholeLine(t *testing.T) {
	v := &view{}
	w := v.narration()
	for _, part := range []string{"one\ntw", "o\n\nthr", "ee"} {
		if _, err := w.Write([]byte(part)); err != nil {
			t.Fatal(err)
		}
	}
	if v.said != "two" {
		t.Errorf("said %q, want two", v.said)
	}
}
