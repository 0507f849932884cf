package report

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// MaxSummary is the size in bytes that Markdown keeps below where nobody says otherwise: the runner drops a summary of
// 1 MiB and more, and other tools write into the same file.
const MaxSummary = 1000 << 10

// part is a piece of the summary that can be said at several lengths, the fullest first. An empty text leaves it out.
type part struct {
	what  string // in words, for who is told that it is not all there
	texts []func() string
	level int
	text  string // of that level, once it was asked for
}

func (p *part) String() string {
	if p.text == "" {
		p.text = p.texts[p.level]()
	}
	return p.text
}

func (p *part) shorten() { p.level, p.text = p.level+1, "" }

// Markdown writes d as a job summary of at most limit bytes (0 = MaxSummary). What does not fit is said shorter, details
// first and the differences last, each of them whole or not at all. truncated means that differences are missing: what
// this page shows then must not be approved, and it says so.
func Markdown(d Document, limit int) (text string, truncated bool) {
	text, _, truncated = fit(d, limit)
	return text, truncated
}

// fit is Markdown that also says what it left out or said shorter.
func fit(d Document, limit int) (text string, left []string, truncated bool) {
	if limit <= 0 {
		limit = MaxSummary
	}
	head, diffs := &part{texts: same(head(d, limit))}, &part{what: "the differences", texts: []func() string{
		func() string { return differences(d) },
		func() string { return withoutDifferences(d.Steps) },
	}}
	steps := &part{what: "steps", texts: []func() string{
		func() string { return stepTable(d, true) },
		func() string { return stepTable(d, false) },
		func() string { return groupTable(d.Steps) },
	}}
	served := &part{what: "paths and who serves them", texts: []func() string{
		func() string { return served(d.Served, 500) }, func() string { return served(d.Served, 50) }, func() string { return "" },
	}}
	late := &part{what: "who came to old's entry", texts: []func() string{func() string { return late(d, 50) }, func() string { return late(d, 5) }}}
	adopted := &part{what: "what was taken in", texts: []func() string{
		func() string { return taken(d.Adopted, 500) }, func() string { return taken(d.Adopted, 20) },
	}}
	details := &part{what: "gates, bad requests and what the clusters show", texts: []func() string{func() string { return details(d) }, func() string { return "" }}}
	paths := &part{what: "who reaches what", texts: []func() string{func() string { return matrix(d.Link) }, func() string { return "" }}}
	parts := []*part{head, {texts: same(wayBack(d))}, adopted, paths, steps, {texts: same(requests(d.Requests))}, {texts: same(moved(d.Database))}, late, served, diffs, details}
	for _, shorten := range []*part{nil, details, served, adopted, late, steps, steps, served, paths, diffs} {
		if shorten != nil {
			shorten.shorten()
		}
		if text = join(parts); len(text) <= limit {
			break
		}
	}
	for _, p := range parts {
		if p.level > 0 && p.texts[0]() != p.String() {
			left = append(left, p.what)
		}
	}
	truncated = diffs.level > 0 && hasDiff(d.Steps)
	if truncated {
		head.text = warning + head.String()
		text = join(parts)
	}
	if len(text) > limit { // names without end, or a thousand groups
		text, left = cut(text, limit), append(left, "the end")
	}
	return text, left, truncated
}

// cut ends text within limit bytes, at the end of a line, and closes the code block that it cuts through.
func cut(text string, limit int) string {
	const room = 64 // for the fence that closes a block; a longer one is cut away with its block
	kept := strings.ToValidUTF8(text[:max(limit-room, 0)], "")
	if i := strings.LastIndexByte(kept, '\n'); i >= 0 {
		kept = kept[:i+1]
	}
	open, at, pos := "", 0, 0
	for line := range strings.Lines(kept) {
		ticks := line[:len(line)-len(strings.TrimLeft(line, "`"))]
		switch {
		case open == "" && len(ticks) >= 3:
			open, at = ticks, pos
		case open != "" && len(ticks) >= len(open) && strings.TrimSpace(line[len(ticks):]) == "":
			open = ""
		}
		pos += len(line)
	}
	switch {
	case len(open) > room-1:
		return kept[:at]
	case open != "":
		return kept + open + "\n"
	}
	return kept
}

const warning = "> [!CAUTION]\n> **The differences do not fit on this page. It shows less than would be changed and is no basis for an approval.**\n\n"

func same(s string) []func() string { return []func() string{func() string { return s }} }

func join(parts []*part) string {
	var b strings.Builder
	for _, p := range parts {
		if s := p.String(); s != "" {
			b.WriteString(strings.TrimRight(s, "\n") + "\n\n")
		}
	}
	return b.String()
}

func head(d Document, limit int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "### cutover %s\n\n", cell(Verdict(d)))
	if d.Plan != "" {
		fmt.Fprintf(&b, "plan %s", cell(d.Plan))
		if d.Digest != "" { // a rollback has none
			b.WriteString(", digest " + code(d.Digest))
		}
		b.WriteString("\n\n")
	}
	if d.Error != nil {
		message, more := visible(d.Error.Message), ""
		if most := min(32<<10, limit/4); len(message) > most {
			message, more = strings.ToValidUTF8(message[:most], ""), "\n(the rest is in the JSON document)"
		}
		b.WriteString(fence("", message+more) + "\n")
		for _, h := range d.Error.Hints {
			fmt.Fprintf(&b, "- %s\n", line(h))
		}
		b.WriteString("\n")
	}
	for _, u := range d.Unapproved {
		fmt.Fprintf(&b, "> [!WARNING]\n> Ran without the approval that the plan demands: %s\n\n", cell(u))
	}
	for _, c := range [][2]string{{"Go on", d.GoOn}, {"Go back", d.GoBack}} {
		if c[1] != "" {
			fmt.Fprintf(&b, "%s:\n%s\n", c[0], fence("sh", plain(c[1])))
		}
	}
	if strings.HasPrefix(d.Proposal, "https://") || strings.HasPrefix(d.Proposal, "http://") {
		fmt.Fprintf(&b, "Proposed: <%s>\n\n", link(d.Proposal))
	}
	if d.Next != "" {
		fmt.Fprintf(&b, "Next: **%s**", cell(d.Next))
		if d.Approval != "" {
			fmt.Fprintf(&b, ", which %s must approve", cell(d.Approval))
		}
		b.WriteString("\n")
	}
	return b.String()
}

// stepTable lists the steps, all or only those that are not where they should be.
func stepTable(d Document, all bool) string {
	if len(d.Steps) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString("| | step | what | seen |\n|---|---|---|---|\n")
	hidden := 0
	for _, s := range d.Steps {
		if !all && (s.State == Done || s.State == Reverted) {
			hidden++
			continue
		}
		title := cell(s.Title)
		if s.Final != "" {
			title += "<br>**no way back**: " + cell(s.Final)
		}
		state := s.State
		if d.Verb == "plan" {
			state = verbs[s.State]
		}
		if state = cell(state); s.State == Failed {
			state = "**" + state + "**" // to be found among hundreds
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", state, cell(s.ID), title, cell(s.Detail))
	}
	if hidden > 0 {
		fmt.Fprintf(&b, "\n%s that are done, not listed here\n", plural(hidden, "step"))
	}
	return b.String()
}

// groupTable counts the steps of each group.
func groupTable(steps []Step) string {
	var names []string
	groups := map[string][]Step{}
	for _, s := range steps {
		if groups[s.Group] == nil {
			names = append(names, s.Group)
		}
		groups[s.Group] = append(groups[s.Group], s)
	}
	var b strings.Builder
	b.WriteString("| group | steps | not done |\n|---|---|---|\n")
	for _, n := range names {
		left, _ := split(groups[n])
		fmt.Fprintf(&b, "| %s | %d | %d |\n", cell(n), len(groups[n]), len(left))
	}
	return b.String()
}

func requests(all []Requests) string {
	if len(all) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString("| requests | sent | good | wrong | lost | longest gap | p50 | p99 |\n|---|--:|--:|--:|--:|--:|--:|--:|\n")
	for _, r := range all {
		fmt.Fprintf(&b, "| %s | %d | %d | %d | %d | %s | %s | %s |\n",
			cell(r.Name), r.Sent, r.Good, r.Wrong, r.Lost, millis(r.LongestGap), millis(r.P50), millis(r.P99))
	}
	return b.String()
}

func millis(ms float64) string { return short(time.Duration(ms * float64(time.Millisecond))) }

func hasDiff(steps []Step) bool {
	return slices.ContainsFunc(steps, func(s Step) bool { return s.Diff != "" && s.State != Done })
}

// atSight is how many differences of a plan are read without a click. Who approves has to have seen them.
const atSight = 20

func differences(d Document) string {
	var b strings.Builder
	n := 0
	for _, s := range d.Steps {
		if s.Diff == "" || s.State == Done {
			continue
		}
		n++
		fmt.Fprintf(&b, "%s\n\n%s\n", line(s.ID), fence("diff", visible(s.Diff)))
	}
	if n == 0 {
		return ""
	}
	title := plural(n, "difference") + " between what is there and what is wanted"
	if d.Verb == "plan" && n <= atSight {
		return unfolded(title, b.String())
	}
	return folded(title, b.String())
}

func withoutDifferences(steps []Step) string {
	if !hasDiff(steps) {
		return ""
	}
	return "**The differences are not shown: they do not fit. Read them in the plan's output.**"
}

func details(d Document) string {
	var b strings.Builder
	if len(d.Gates) > 0 {
		b.WriteString("| | gate | seen |\n|---|---|---|\n")
		for _, g := range d.Gates {
			fmt.Fprintf(&b, "| %s | %s | %s |\n", cell(g.State), cell(g.Title), cell(g.Detail))
		}
		b.WriteString("\n")
	}
	var bad []string
	for _, r := range d.Requests {
		for _, s := range r.Bad {
			bad = append(bad, fmt.Sprintf("| %s | %s | %s |\n", cell(s.Target), cell(s.ID), cell(s.Error)))
		}
	}
	if len(bad) > 0 {
		b.WriteString("| target | request | what was wrong |\n|---|---|---|\n" + strings.Join(bad, "") + "\n")
	}
	for _, s := range d.Steps {
		for i, f := range s.Facts {
			if i == 0 {
				fmt.Fprintf(&b, "\nSeen of %s:\n\n", cell(s.ID))
			}
			fmt.Fprintf(&b, "- %s\n", line(f))
		}
	}
	if b.Len() == 0 {
		return ""
	}
	return folded("Details: gates, bad requests, what the clusters show", b.String())
}
