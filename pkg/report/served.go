package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

var servedBy = map[string]string{
	"old": "old", "proxy": "old, through new", "new": "new", "": "could not tell",
}

func served(all []Served, limit int) string {
	if len(all) == 0 {
		return ""
	}
	return picture(all) + "\n" + servedTable(all, limit)
}

// picture draws who answers now. It carries counts only: nothing foreign could break it, and a plain table stands beside
// it for those who do not see it.
func picture(all []Served) string {
	n := map[string]int{}
	tail := 0
	for _, s := range all {
		n[s.By]++
		if s.Tail {
			tail++
		}
	}
	var b strings.Builder
	edge := func(count int, from, to string) {
		if count > 0 {
			fmt.Fprintf(&b, "  %s -->|\"%s\"| %s\n", from, plural(count, "path"), to)
		}
	}
	b.WriteString("flowchart LR\n")
	edge(n["new"]+n["proxy"], "clients([clients])", "front[entry of new]")
	edge(n["new"], "front", "new[(workloads in new)]")
	edge(n["proxy"], "front", "proxy[proxy]")
	edge(n["proxy"], "proxy", "bridge[bridge of old]")
	edge(n["proxy"], "bridge", "old[(workloads in old)]")
	edge(n["old"], "clients([clients])", "back[entry of old]")
	edge(n["old"], "back", "old[(workloads in old)]")
	edge(tail, "late([late clients])", "back[entry of old]")
	edge(tail, "back", "inner[inner entry of new]")
	edge(tail, "inner", "new[(workloads in new)]")
	return fence("mermaid", b.String())
}

// servedTable lists at most limit paths, those first that are not served by new.
func servedTable(all []Served, limit int) string {
	sorted := slices.Clone(all)
	slices.SortStableFunc(sorted, func(a, b Served) int {
		return cmp.Or(rank(a.By)-rank(b.By), strings.Compare(a.Host, b.Host), strings.Compare(a.Path, b.Path))
	})
	var b strings.Builder
	b.WriteString("| host | path | service | served by |\n|---|---|---|---|\n")
	for _, s := range sorted[:min(limit, len(sorted))] {
		by := servedBy[s.By]
		if s.Tail {
			by += "; late clients are sent on"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", cell(s.Host), cell(s.Path), cell(s.Service), cell(by))
	}
	if more := len(sorted) - limit; more > 0 {
		fmt.Fprintf(&b, "\nand %s, %s\n", plural(more, "more path"), "listed in the JSON document")
	}
	return b.String()
}

func rank(by string) int { return slices.Index([]string{"", "old", "proxy", "new"}, by) }

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
