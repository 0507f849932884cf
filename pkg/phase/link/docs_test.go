package link

import (
	"net"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"cutover.dev/cutover/pkg/phase"
	"cutover.dev/cutover/pkg/plan"
)

// shown is a code block of docs/link.md.
func shown(t *testing.T, doc, pattern string) string {
	t.Helper()
	m := regexp.MustCompile("(?s)```" + pattern + "```").FindStringSubmatch(doc)
	if m == nil {
		t.Fatalf("docs/link.md has no block like %s", pattern)
	}
	return m[1]
}

// rulesOf are the rules that the phase names for the plan of the page when everything is closed.
func rulesOf(t *testing.T, doc string) (rows []Row) {
	t.Helper()
	p, err := plan.Decode("docs/link.md", []byte(shown(t, doc, "yaml\n(apiVersion.*?)")))
	if err != nil {
		t.Fatal(err)
	}
	paths := Paths(p, true)
	for _, member := range []string{"10.1.2.11:27017", "10.1.2.12:27017", "10.1.2.13:27017"} {
		paths = append(paths, Path{What: OldMembers, From: phase.New, To: member})
	}
	old, next := Ranges{Pods: some("10.244.0.0/16"), Nodes: some("10.1.0.10/31")}, Ranges{Pods: some("10.245.0.0/16"), Nodes: some("10.2.0.10/31")}
	tbl := &table{rows: map[string][]Row{}, old: old, new: next}
	for _, path := range paths {
		host, _, _ := net.SplitHostPort(path.To)
		tbl.rows[path.ID()] = []Row{{Path: path, Addresses: []string{host}, State: TimedOut}}
	}
	tbl.conclude()
	for _, of := range tbl.rows {
		if crosses(of[0].Path) {
			rows = append(rows, of...)
		}
	}
	slices.SortFunc(rows, func(a, b Row) int { return strings.Compare(a.Rule, b.Rule) })
	return rows
}

func TestThePageHasTheRulesThatThePhaseNames(t *testing.T) {
	data, err := os.ReadFile("../../../docs/link.md")
	if err != nil {
		t.Fatal(err)
	}
	doc := string(data)
	rows := rulesOf(t, doc)
	var rules []string
	for _, r := range rows {
		rules = append(rules, r.Rule)
	}
	if got := strings.TrimSpace(shown(t, doc, "\n(allow tcp.*?)")); got != strings.Join(rules, "\n") || len(rules) != 8 {
		t.Errorf("the page lists\n%s\nand the phase names\n%s", got, strings.Join(rules, "\n"))
	}
	for _, what := range []string{Bridge, Tail, OldMembers, NewMembers, EntryOld, EntryNew, Servers, Resolvers, Additional} {
		contains(t, doc, "`"+what+"`")
	}
	for _, state := range []string{Open, Refused, TimedOut, NoRoute, NoAnswer, Small, NoUDP, NoName, Another, Inside, Unsure} {
		contains(t, doc, "\n| `"+state+"` |")
	}
	recipes := regexp.MustCompile(`(?m)^### `).Split(doc[strings.Index(doc, "## Recipes"):], -1)[1:]
	if len(recipes) != 6 {
		t.Fatalf("%d recipes", len(recipes))
	}
	for _, recipe := range recipes {
		title, text, _ := strings.Cut(recipe, "\n")
		if title == "strongSwan" || title == "WireGuard" {
			contains(t, text, "those of nftables above")
			continue
		}
		opens(t, title, text, rows)
	}
}

// opens: for every rule there is a line with its sources, its destination and its port.
func opens(t *testing.T, title, recipe string, rows []Row) {
	t.Helper()
	for _, r := range rows {
		host, port, _ := net.SplitHostPort(r.To)
		needed := append(regexp.MustCompile(`[0-9.]+/[0-9]+`).FindAllString(r.Rule, -1), host, port)
		found := false
		for line := range strings.Lines(recipe) {
			found = found || !slices.ContainsFunc(needed, func(word string) bool { return !strings.Contains(line, word) })
		}
		if !found {
			t.Errorf("%s: no line opens %q", title, r.Rule)
		}
	}
}
