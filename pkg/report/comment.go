package report

import (
	"fmt"
	"strings"
)

// MaxComment is the size in bytes that a comment keeps below: GitHub takes 65,536 characters.
const MaxComment = 64 << 10

// forFooter is what Comment keeps free for its last lines.
const forFooter = 2 << 10

// Marker is the first line of the comment on the plan of that name. It does not show, and by it a later run finds the
// comment. Two plans have two markers, of which neither is the beginning of the other.
func Marker(plan string) string { return "<!-- cutover plan: " + attribute(plan) + " -->" }

// attribute leaves of a name what cannot end a comment of HTML.
func attribute(s string) string {
	return strings.Map(func(c rune) rune {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.ContainsRune("-._/", c) {
			return c
		}
		return '_'
	}, s)
}

// Comment writes d as the comment that stands under a pull request on its plan, with its Marker. It has at most
// MaxComment bytes; what it leaves out is named, with the address of the run that shows the whole. commit is what the
// comment is about, run the address; both may be empty.
func Comment(d Document, commit, run string) string {
	text, left, _ := fit(d, MaxComment-forFooter)
	var b strings.Builder
	b.WriteString(Marker(d.Plan) + "\n" + text)
	if d.Verb == "plan" && d.Phase == "" && d.Error == nil {
		b.WriteString("Nothing is left to do within `spec.through` of the plan.\n\n")
	}
	b.WriteString(omitted(left))
	of := ""
	if commit != "" {
		of = " of commit " + cell(commit)
	}
	whole := "the log and the summary of the job"
	if run != "" {
		whole = fmt.Sprintf("the log and the summary of [this run](%s)", link(run))
	}
	fmt.Fprintf(&b, "This is what the plan%s would do, by the clusters as they were then. The whole is in %s; the next run takes the place of this comment.\n", of, whole)
	return b.String()
}

// link leaves of an address what cannot end it.
func link(s string) string {
	return strings.Map(func(c rune) rune {
		if c <= ' ' || c >= 0x7f || strings.ContainsRune("()<>[]\\`\"", c) {
			return -1
		}
		return c
	}, s)
}
