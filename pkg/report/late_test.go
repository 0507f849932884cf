package report_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"cutover.dev/cutover/pkg/report"
)

func TestWhoCameLateIsToldOnATerminalAndInTheSummary(t *testing.T) {
	some := []report.Late{
		{Hosts: []string{"a.example.com", "b.example.com"}, Requests: 12, Since: begin},
		{Hosts: []string{"c.example.com"}, Requests: 3, Since: begin, Unsure: "the counters | started again"},
		{Hosts: []string{"f.example.com"}, Since: begin, Unsure: "the counters were not read before"},
		{Hosts: []string{"a.example.com"}, Since: begin},
		{Hosts: []string{"d.example.com"}, Since: begin},
		{Hosts: []string{"e.example.com"}, Since: begin.Add(time.Minute)},
	}
	for about, c := range map[string]struct {
		all            []report.Late
		why            string
		text, markdown []string
	}{
		"somebody came": {
			some, "",
			[]string{"a.example.com, b.example.com  12 ", "3 or more: the counters | started again", "0 or more: the counters were not", "nobody came to old's entry for 2 hosts since 2026-11-22T03:05:05Z"},
			[]string{"| a.example.com, b.example.com | 12 | 2026-11-22T03:04:05Z |\n", `3 or more: the counters \| started again |`, "Nobody came to old's entry for 2 hosts since 2026-11-22T03:05:05Z"},
		},
		"nobody came": {
			some[4:], "",
			[]string{"nobody came to old's entry for 2 hosts since 2026-11-22T03:05:05Z"},
			[]string{"Nobody came to old's entry for 2 hosts since 2026-11-22T03:05:05Z"},
		},
		"nobody could count": {nil, "no answer | yet", []string{"could not be counted: no answer | yet"}, []string{`Who still comes to old's entry could not be counted: no answer \| yet`}},
	} {
		var b bytes.Buffer
		if err := report.WriteLate(&b, c.all, c.why); err != nil {
			t.Fatal(err)
		}
		page, _ := report.Markdown(report.Document{Verb: "status", Residual: c.all, Uncounted: c.why}, 0)
		for _, want := range c.text {
			if !strings.Contains(b.String(), want) {
				t.Errorf("%s: %q is not in\n%s", about, want, &b)
			}
		}
		for _, want := range c.markdown {
			if !strings.Contains(page, want) {
				t.Errorf("%s: %q is not in\n%s", about, want, page)
			}
		}
		if titled := strings.Contains(b.String(), "came to old's entry, though"); titled != (about == "somebody came") {
			t.Errorf("%s: it says\n%s", about, &b)
		}
	}
	var b bytes.Buffer
	if err := report.WriteLate(&b, nil, ""); err != nil || b.Len() > 0 {
		t.Errorf("no name is swapped, and it says %q", &b)
	}
}

func TestManyWhoCameLateTakeALineForTheRest(t *testing.T) {
	d := report.Document{Verb: "status"}
	for range 60 {
		d.Residual = append(d.Residual, report.Late{Hosts: []string{"a.example.com"}, Requests: 1, Since: begin})
	}
	if page, _ := report.Markdown(d, 0); !strings.Contains(page, "and 10 more lines, listed in the JSON document") {
		t.Error(page)
	}
}
