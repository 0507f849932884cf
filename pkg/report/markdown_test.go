package report_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"cutover.dev/cutover/pkg/report"
)

func nothing(context.Context) error { return nil }

func large(n, detail, diff int) report.Document {
	d := report.Document{Verb: "plan", Phase: "routes", Result: "done"}
	for i := range n {
		d.Steps = append(d.Steps, report.Step{
			ID: fmt.Sprint("apply:", i), Title: "t", State: report.Pending, Detail: strings.Repeat("d", detail), Diff: strings.Repeat("+x\n", diff),
		})
		d.Gates = append(d.Gates, report.Gate{ID: "g", Title: "gate", State: report.Done, Detail: strings.Repeat("g", 500)})
		d.Served = append(d.Served, report.Served{Host: fmt.Sprintf("%d.example.com", i), Path: "/", Service: "s", By: "new"})
	}
	return d
}

func TestASummaryFitsByDroppingDetailBeforeDifferences(t *testing.T) {
	for _, c := range []struct {
		n, detail, diff int
		cut             bool
	}{
		{10, 10, 2, false},
		{5000, 10, 2, false},
		{5000, 500, 30, false},
		{5000, 500, 500, true},
		{20000, 500, 0, false},
	} {
		d := large(c.n, c.detail, c.diff)
		text, truncated := report.Markdown(d, 0)
		if len(text) > report.MaxSummary || truncated != c.cut {
			t.Errorf("%+v: %d bytes, truncated %v", c, len(text), truncated)
		}
		if shown := strings.Count(text, "+x\n"); !c.cut && shown != c.n*c.diff || c.cut && shown != 0 {
			t.Errorf("%+v: %d lines of difference of %d", c, shown, c.n*c.diff)
		}
		if strings.Contains(text, "no basis for an approval") != c.cut {
			t.Errorf("%+v: the warning does not say whether it is whole", c)
		}
		if !strings.HasPrefix(strings.TrimPrefix(text, "> [!CAUTION]"), "### cutover plan routes: planned") && !c.cut {
			t.Errorf("%+v begins with %.60q", c, text)
		}
	}
}

func TestASummaryNamesADigestOnlyWhereThereIsOne(t *testing.T) {
	for digest, want := range map[string]string{"": "plan demo\n", "3f9c": "plan demo, digest `3f9c`\n"} {
		if text, _ := report.Markdown(report.Document{Verb: "rollback", Result: "done", Plan: "demo", Digest: digest}, 0); !strings.Contains(text, want) {
			t.Errorf("%q is not in %q", want, text)
		}
	}
}

func TestAnEndlessErrorStillFits(t *testing.T) {
	d := report.Document{Verb: "apply", Phase: "routes", Result: "failed", Error: &report.Failure{Message: strings.Repeat("e", 5<<20), Code: 4}}
	d.Steps = []report.Step{{ID: "x", Facts: []string{strings.Repeat("f", 5<<20)}}}
	d.GoOn = "cutover " + strings.Repeat("ä", 1<<20)
	text, truncated := report.Markdown(d, 0)
	if len(text) > report.MaxSummary || truncated || !strings.Contains(text, "JSON document") {
		t.Errorf("%d bytes, truncated %v", len(text), truncated)
	}
}

func TestForeignTextCannotBreakOutOfACell(t *testing.T) {
	hostile := "a|b\nc`d`<img src=x>@team #12 [x](http://y) **b** _i_ $x$ \\| \u202e\x1b[1m &amp; ~~s~~"
	d := report.Document{Verb: "apply", Steps: []report.Step{{ID: hostile, Title: hostile, State: report.Pending, Detail: hostile, Final: hostile, Facts: []string{hostile}}}}
	d.Served = []report.Served{{Host: hostile, Path: hostile, Service: hostile, By: "new"}}
	text, _ := report.Markdown(d, 0)
	for _, bad := range []string{"<img", "@team", "#12", "\u202e", "\x1b", " **b**", "[x](", "$x$", "~~s~~"} {
		if strings.Contains(text, bad) {
			t.Errorf("%q got through:\n%s", bad, text)
		}
	}
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "|") || strings.HasPrefix(line, "|---") {
			continue
		}
		bars := strings.Count(strings.ReplaceAll(strings.ReplaceAll(line, `\\`, ""), `\|`, ""), "|")
		if bars != 5 {
			t.Errorf("%d bars in %s", bars, line)
		}
	}
}

func TestADifferenceCannotEndItsBlock(t *testing.T) {
	d := report.Document{Steps: []report.Step{{ID: "x", State: report.Pending, Diff: "+ ````\n+ # heading\n"}}}
	text, _ := report.Markdown(d, 0)
	if !strings.Contains(text, "`````diff\n+ ````\n+ # heading\n`````\n") {
		t.Error(text)
	}
}
