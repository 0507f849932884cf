package main

import (
	"fmt"
	"slices"
	"strings"

	"cutover.dev/cutover/lab/workloads"
)

// The headers of the tables that a summary has to have.
const (
	stepsHeader  = "| | step | what | seen |"
	servedHeader = "| host | path | service | served by |"
)

// table returns the cells of the table below a header of a text in Markdown; nil when there is none.
func table(text, header string) [][]string {
	_, below, found := strings.Cut(text, header+"\n")
	if !found {
		return nil
	}
	var rows [][]string
	for line := range strings.Lines(below) {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "|") {
			break
		}
		if !strings.HasPrefix(line, "|---") {
			rows = append(rows, strings.Split(strings.TrimSuffix(strings.TrimPrefix(line, "| "), " |"), " | "))
		}
	}
	return rows
}

// summaryProblems says what a summary lacks: the verdict on top, the steps, and where each host of the lab is served.
func summaryProblems(summary, verb, phase string) []string {
	var out []string
	word := "done"
	if verb == "plan" {
		word = "planned"
	}
	if !strings.HasPrefix(summary, fmt.Sprintf("### cutover %s %s: %s;", verb, phase, word)) {
		first, _, _ := strings.Cut(summary, "\n")
		out = append(out, fmt.Sprintf("the summary begins with %q", first))
	}
	steps := table(summary, stepsHeader)
	if len(steps) == 0 {
		out = append(out, "the summary lists no steps")
	}
	if i := slices.IndexFunc(steps, func(s []string) bool { return s[0] != "done" }); verb == "apply" && i >= 0 {
		out = append(out, fmt.Sprintf("the summary says of a step: %s", strings.Join(steps[i], ", ")))
	}
	rows := table(summary, servedHeader)
	for _, h := range workloads.Hosts() {
		if !covered(rows, h) {
			out = append(out, fmt.Sprintf("the summary does not say where %s%s is served", h.Host, h.Path))
		}
	}
	return out
}

// covered says whether a row is about what a client asks for.
func covered(rows [][]string, h workloads.Host) bool {
	for _, r := range rows {
		if len(r) != 4 {
			continue
		}
		host := strings.ReplaceAll(r[0], `\`, "")
		if zone, wild := strings.CutPrefix(host, "*"); (host == h.Host || wild && strings.HasSuffix(h.Host, zone)) && strings.HasPrefix(h.Path, r[1]) {
			return true
		}
	}
	return false
}

// moved counts the rows that are served by new, and all of them.
func moved(summary string) (by, of int) {
	rows := table(summary, servedHeader)
	for _, r := range rows {
		if len(r) == 4 && strings.HasPrefix(r[3], "new") {
			by++
		}
	}
	return by, len(rows)
}
