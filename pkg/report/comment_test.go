package report_test

import (
	"regexp"
	"strings"
	"testing"

	"cutover.dev/cutover/pkg/report"
)

const run = "https://github.test/acme/shop/actions/runs/42/attempts/1"

func TestACommentFitsAndSaysWhatIsLeftOutAndWhereTheWholeIs(t *testing.T) {
	for _, c := range []struct {
		n, detail, diff int
		left            string // "" = all of it fits
	}{
		{10, 10, 2, ""},
		{100, 500, 2, "gates, bad requests and what the clusters show"},
		{2000, 500, 20, "the differences"},
		{5000, 500, 0, "steps"},
	} {
		d := large(c.n, c.detail, c.diff)
		d.Plan = "shop"
		text := report.Comment(d, "c0ffee11", run)
		if len(text) > report.MaxComment || !strings.HasPrefix(text, report.Marker("shop")+"\n") {
			t.Errorf("%+v: %d bytes, begins with %.80q", c, len(text), text)
		}
		_, note, cut := strings.Cut(text, "**Not all of it fits here.** Left out or shortened: ")
		if cut != (c.left != "") || !strings.Contains(note, c.left) || !strings.Contains(text, "The whole is in the log and the summary of [this run]("+run+")") {
			t.Errorf("%+v: cut %v, says %.200q", c, cut, note)
		}
		if strings.Contains(text, "no basis for an approval") != (c.left == "the differences") {
			t.Errorf("%+v: whether it may be approved is not told", c)
		}
	}
}

// An error that fills the page, in characters that take six to show, must not swallow the last lines.
func TestWhatIsCutOffEndsItsCodeBlock(t *testing.T) {
	for name, d := range map[string]report.Document{
		"error":   {Error: &report.Failure{Message: strings.Repeat("\x1b", 1<<20), Code: 7}},
		"command": {GoOn: strings.Repeat("a", 1<<20)},
		"fence":   {GoOn: strings.Repeat("`", 1<<20)},
		"hints":   {Error: &report.Failure{Hints: strings.Split(strings.Repeat("hint,", 1<<15), ",")}},
	} {
		d.Verb, d.Plan, d.Result = "plan", "shop", "unsure"
		text := report.Comment(d, "", run)
		if len(text) > report.MaxComment || !strings.HasSuffix(text, "takes the place of this comment.\n") {
			t.Errorf("%s: %d bytes, ends with %q", name, len(text), text[len(text)-80:])
		}
		if open := regexp.MustCompile("(?m)^```").FindAllString(text, -1); len(open)%2 != 0 {
			t.Errorf("%s: a code block is open", name)
		}
	}
}

func TestTheMarkersOfTwoPlansAreTwo(t *testing.T) {
	a, b := report.Marker("shop"), report.Marker("shop-2")
	if strings.HasPrefix(a, b) || strings.HasPrefix(b, a) || strings.Contains(report.Marker("x --> ![](y)\n"), "![") {
		t.Errorf("%q %q %q", a, b, report.Marker("x --> ![](y)\n"))
	}
}

func TestAProposalFitsAndPutsWhatComesBeforeWhatWas(t *testing.T) {
	small, big := large(3, 10, 2), large(5000, 500, 20)
	for name, c := range map[string]struct {
		p    report.Proposal
		left int // how many of both parts do not fit
	}{
		"all of it":      {report.Proposal{Evidence: small, Preview: &small}, 0},
		"much evidence":  {report.Proposal{Evidence: big, Preview: &small}, 1},
		"a large plan":   {report.Proposal{Evidence: small, Preview: &big}, 1},
		"much of both":   {report.Proposal{Evidence: big, Preview: &big}, 2},
		"a plan of none": {report.Proposal{Evidence: small}, 0},
	} {
		c.p.From, c.p.To, c.p.Run = "routes", "dns", run
		text := c.p.String()
		if len(text) > report.MaxComment || strings.Count(text, "**Not all of it fits here.**") != c.left || !strings.Contains(text, "[the run]("+run+")") {
			t.Errorf("%s: %d bytes\n%.300s", name, len(text), text)
		}
		if strings.Index(text, "**What dns would do**") > strings.Index(text, "**What routes did**") || strings.Contains(text, "Nobody could tell here") != (c.p.Preview == nil) {
			t.Errorf("%s: %.300s", name, text)
		}
	}
}
