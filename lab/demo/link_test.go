package main

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"cutover.dev/cutover/lab/ipsec"
	"cutover.dev/cutover/lab/rehearse"
)

func TestLinkIsRefusedBeforeItPasses(t *testing.T) {
	acts, err := script([]string{"link", "ttl", "routes", "dns", "migrate/a", "migrate/b", "cleanup"})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, a := range acts[:4] {
		got = append(got, fmt.Sprintf("%s %s", a.Do, a.title()))
	}
	if want := []string{"refuse link refused", "open firewalls open", "apply link", "apply ttl"}; !slices.Equal(got, want) {
		t.Errorf("acts are %q, want %q", got, want)
	}
}

// The demo's own plan has what the link and the names have instead, each alone and both.
func TestThePlanOfTheDemoCanBeginWithLink(t *testing.T) {
	for _, s := range []settings{{Link: true}, {Link: true, Names: true}} {
		s.Plan, s.Out = "plans/demo.yaml", t.TempDir()
		d := &demo{settings: s, root: "../.."}
		if err := d.change(); err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(d.tool.Plan)
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range append([]string{"\n  link: {}\n", "from: old}", "from: new}", "rate: 40"}, map[bool][]string{true: {"rfc2136", "oldMetrics", "from: old\n"}}[s.Names]...) {
			if !strings.Contains(string(b), want) {
				t.Errorf("%+v: %q is not in the plan:\n%s", s, want, b)
			}
		}
		if n := strings.Count(string(b), "relay: {image"); n != 2 {
			t.Errorf("%d relays", n)
		}
	}
}

func TestARunWhoseLinkWasNotRefusedOrNotUsedDoesNotCount(t *testing.T) {
	good := func() *linkPart {
		return &linkPart{
			Refused: []string{"new -> 172.30.0.22:8080 (bridge): timed out"}, Rules: []string{"allow tcp from new to 172.30.0.22 port 8080"}, good: true,
			Paths:   []rehearse.Reached{{What: "bridge", From: "new", To: "172.30.0.22:8080", State: "open", Large: true, Ms: 1.5}},
			Carried: map[string]packets{"old": {Through: 5}, "new": {Through: 4, Lost: 1}},
			Tunnel:  map[string]ipsec.Counters{"old": {BytesIn: 1, BytesOut: 1}, "new": {BytesIn: 1, BytesOut: 1}},
		}
	}
	if got := good().problems(); len(got) != 0 {
		t.Errorf("a good run has the problems %q", got)
	}
	if got := (*linkPart)(nil).problems(); len(got) != 0 {
		t.Errorf("a run without a link has the problems %q", got)
	}
	for name, change := range map[string]func(*linkPart){
		"not refused":            func(p *linkPart) { p.Rules = nil },
		"not good":               func(p *linkPart) { p.good = false },
		"not through the tunnel": func(p *linkPart) { p.Tunnel["new"] = ipsec.Counters{BytesIn: 1} },
		"not used":               func(p *linkPart) { p.Carried["new"] = packets{Lost: 1} },
	} {
		p := good()
		if change(p); len(p.problems()) != 1 {
			t.Errorf("%s: problems are %q", name, p.problems())
		}
	}
	if s := good().markdown(); !strings.Contains(s, "| opened, as link named it | allow tcp from new to 172.30.0.22 port 8080 |") || !strings.Contains(s, "4 (1)") || !strings.Contains(s, "| 1 of 1 |") {
		t.Error(s)
	}
	const said = `"paths":[{"what":"bridge","from":"new","to":"172.30.0.22:8080","state":"open","large":true,"ms":1.5}]`
	if raw, err := json.Marshal(report{Link: good()}); err != nil || !strings.Contains(string(raw), said) {
		t.Errorf("%s is not in %s (%v)", said, raw, err)
	}
}

func TestAVerbThatIsToBeRefusedIsNotTakenForOneThatFailed(t *testing.T) {
	d := &demo{settings: settings{Out: t.TempDir()}, view: &view{width: 80}}
	if err := os.Mkdir(d.Out+"/logs", 0o755); err != nil {
		t.Fatal(err)
	}
	tool := d.Out + "/tool"
	if err := os.WriteFile(tool, []byte("#!/bin/sh\necho '{\"steps\": [1]}'; exit 3\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	d.tool = rehearse.Tool{Binary: tool}
	if r, err := d.run(t.Context(), 0, "apply"); err != nil || r.Code != couldNot {
		t.Errorf("%+v %v", r, err)
	}
	if n, err := d.verb(t.Context(), 0, "apply"); err == nil || n != 1 {
		t.Errorf("%d steps, %v", n, err)
	}
	if err := d.refuse(t.Context(), 0); err == nil {
		t.Error("a document without paths is taken for a refusal")
	}
}
