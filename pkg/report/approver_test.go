package report_test

import (
	"strings"
	"testing"

	"cutover.dev/cutover/pkg/report"
)

// Who approves when tired reads from the top: a verdict in one line, what comes and who has to say yes, what going back costs, what
// would change, what was lost, who serves what as a picture and as a table, and every difference, open.
func TestAPageShowsAnApproverEverythingInItsPlace(t *testing.T) {
	d := planned()
	d.Fail(nil)
	d.Next, d.Approval = "routes", "production"
	d.Served = []report.Served{{Host: "shop.example.com", Path: "/", Service: "web", By: "proxy"}}
	d.Requests = []report.Requests{{Name: "shop.example.com/", Sent: 50, Good: 50}}
	d.Database = &report.Database{Winner: "n2:27017", Writes: 90, GapMs: report.GapMs{Plain: 84}}
	text, truncated := report.Markdown(d, 0)
	page, at := rendered(t, text), 0
	for _, part := range []string{
		"<h3>cutover plan routes: cannot run as it is; 2 to do,", "<p>plan plans/shop.yaml, digest <code>3f9c2a7e</code></p>",
		"<p>Next: <strong>routes</strong>, which production must approve</p>", "<p>Way back: roll back dns, then routes; dns waits</p>",
		"<th>step</th>", "<td>do</td>", "<strong>BLOCKED</strong>", "<strong>no way back</strong>", "<th>requests</th>", "<td>a plain client, w:1</td>",
		`<code class="language-mermaid">flowchart LR`, "<th>served by</th>", "<td>shop.example.com</td>", "<td>old, through new</td>",
		"<details open>", `<code class="language-diff">-  class: &quot;nginx&quot;`, "</details>",
	} {
		i := strings.Index(page[at:], part)
		if i < 0 {
			t.Fatalf("%q is not there, or not after what comes before it, in\n%s", part, page)
		}
		at += i + len(part)
	}
	if strings.Count(page, "<h3>") != 1 || !strings.HasPrefix(page, "<h3>") || truncated {
		t.Errorf("the verdict is not the only heading, on top:\n%s", page)
	}
}
