package link

import (
	"errors"
	"net/netip"
	"slices"
	"testing"

	"cutover.dev/cutover/pkg/fault"
	"cutover.dev/cutover/pkg/phase"
)

func TestWorksOneWayOnlyIsSaidWhereItIsSeen(t *testing.T) {
	row := func(from, state string) Row { return Row{Path: Path{From: from}, State: state} }
	const toOld, toNew = "the link works one way only: new reaches old, and old does not reach new", "the link works one way only: old reaches new, and new does not reach old"
	for name, c := range map[string]struct {
		rows []Row
		want string
	}{
		"both":                     {[]Row{row("new", Open), row("old", Open)}, ""},
		"none":                     {[]Row{row("new", TimedOut), row("old", TimedOut)}, ""},
		"new to old":               {[]Row{row("new", Open), row("old", TimedOut)}, toOld},
		"old to new, refused":      {[]Row{row("old", Refused), row("new", NoRoute)}, toNew},
		"one of two comes through": {[]Row{row("new", Open), row("old", TimedOut), row("old", Open)}, ""},
		"one side is not known":    {[]Row{row("new", Open), row("old", Unsure)}, ""},
		"a name":                   {[]Row{row("new", Open), row("old", NoName)}, ""},
		"some of both":             {[]Row{row("new", Open), row("new", TimedOut), row("old", TimedOut)}, ""},
	} {
		if got := oneWay(c.rows, "the link"); got != c.want {
			t.Errorf("%s: %q", name, got)
		}
	}
}

// tabled is a table of rows, one a step.
func tabled(old, next Ranges, rows ...Row) *table {
	t := &table{rows: map[string][]Row{}, old: old, new: next}
	for _, r := range rows {
		t.rows[r.ID()] = append(t.rows[r.ID()], r)
	}
	t.conclude()
	return t
}

func some(texts ...string) []netip.Prefix { return parsed(texts) }

func TestAPathThatDoesNotWorkNamesTheRuleThatItLacks(t *testing.T) {
	next := Ranges{Pods: some("10.62.0.0/24"), Nodes: some("172.30.0.12/32"), Services: some("10.62.128.0/17")}
	bridge := Path{What: Bridge, From: phase.New, To: "172.30.0.22:8080"}
	tail := Path{What: Tail, From: phase.Old, To: "172.30.0.32:8080"}
	tbl := tabled(Ranges{}, next, Row{Path: bridge, Addresses: []string{"172.30.0.22"}, State: TimedOut}, Row{Path: tail, Addresses: []string{"172.30.0.32"}, State: Open})
	o, err := tbl.judge(bridge.ID())
	if err != nil || o.State != phase.Failed || o.Facts[OneWayFact] == nil {
		t.Fatalf("%+v %v", o, err)
	}
	contains(t, o.Detail, "timed out", "missing: allow tcp from new (pods 10.62.0.0/24; nodes 172.30.0.12) to 172.30.0.22 port 8080",
		"the link works one way only: old reaches new, and new does not reach old")
	if o, err := tbl.judge(tail.ID()); err != nil || o.State != phase.Done || o.Facts[PathFact+"old/172.30.0.32:8080"] == nil {
		t.Errorf("%+v %v", o, err)
	}
	if got := rule(Row{Path: Path{From: Here, To: "entry.example.com:443"}, Addresses: []string{"203.0.113.10"}}, next); got != "allow tcp from this machine to entry.example.com (203.0.113.10) port 443" {
		t.Error(got)
	}
	if o, err := tbl.judge("prove:path/new/10.9.9.9:1"); err != nil || o.State != phase.Failed { // no evidence
		t.Errorf("%+v %v", o, err)
	}
}

func TestWhatADialOfItsOwnAddressAnswersProvesNothing(t *testing.T) {
	next := Ranges{Services: some("10.96.0.0/12")}
	to := func(what, from string) Row {
		return Row{Path: Path{What: what, From: from, To: "10.100.3.4:8080"}, Addresses: []string{"10.100.3.4"}, State: Open}
	}
	row := to(Bridge, phase.New)
	o, _ := tabled(Ranges{}, next, row).judge(row.ID())
	if o.State != phase.Failed {
		t.Errorf("%+v", o)
	}
	contains(t, o.Detail, "10.100.3.4 is one of its own Services (10.96.0.0/12)")
	for _, row := range []Row{to(Bridge, phase.Old), to(EntryNew, phase.New), to(Additional, phase.New), to(EntryOld, Here)} {
		if o, _ := tabled(Ranges{}, next, row).judge(row.ID()); o.State != phase.Done {
			t.Errorf("%s from %s: %+v", row.What, row.From, o)
		}
	}
}

func TestANoOutweighsWhatCouldNotBeTold(t *testing.T) {
	unsure := Row{Path: Path{What: OldMembers, From: phase.New, To: "a:1"}}.unsure(errors.New("the relay is not there"))
	denied := Row{Path: Path{What: OldMembers, From: phase.New, To: "b:1"}}.unsure(fault.New(fault.Refused, "name it", "the relay may not dial b:1"))
	open := Row{Path: Path{What: OldMembers, From: phase.New, To: "c:1"}, State: Open}
	closed := Row{Path: Path{What: OldMembers, From: phase.New, To: "d:1"}, State: TimedOut}
	for name, c := range map[string]struct {
		rows  []Row
		state phase.State
		fails bool
	}{
		"open":                       {[]Row{open}, phase.Done, false},
		"one could not be told":      {[]Row{open, unsure}, phase.Done, true},
		"a no and one not told":      {[]Row{unsure, closed}, phase.Failed, false},
		"what waiting cannot change": {[]Row{open, denied}, phase.Failed, false},
	} {
		tbl := &table{rows: map[string][]Row{"x": c.rows}}
		tbl.conclude()
		o, err := tbl.judge("x")
		if o.State != c.state || (err != nil) != c.fails || o.Detail == "" {
			t.Errorf("%s: %+v, %v", name, o, err)
		}
	}
	contains(t, denied.String(), "name it")
}

func TestRangesAreCondensedAndCompared(t *testing.T) {
	for want, in := range map[string][]string{
		"10.0.0.0/23":             {"10.0.1.0/24", "10.0.0.0/24"},
		"10.0.0.0/22":             {"10.0.0.0/24", "10.0.1.0/24", "10.0.2.0/24", "10.0.3.0/24"},
		"10.0.1.0/24 10.0.2.0/24": {"10.0.1.0/24", "10.0.2.0/24"}, // no siblings
		"10.0.0.0/8":              {"10.0.0.0/8", "10.1.0.0/16", "10.1.1.1/32"},
		"10.0.0.4/31 fd00::/64":   {"10.0.0.5/32", "10.0.0.4/32", "fd00::/64"},
		"":                        {"rubbish"},
	} {
		got := condensed(parsed(in))
		var words string
		for i, p := range got {
			if i > 0 {
				words += " "
			}
			words += p.String()
		}
		if words != want {
			t.Errorf("%v: %q, want %q", in, words, want)
		}
	}
	old := Ranges{Pods: some("10.244.0.0/16"), Services: some("10.96.0.0/12"), Nodes: some("10.1.0.4/32")}
	next := Ranges{Pods: some("10.245.0.0/16"), Services: some("10.96.0.0/12"), Nodes: some("10.244.7.7/32")}
	want := []string{"pods of old (10.244.0.0/16) and nodes of new (10.244.7.7)", "Services of old (10.96.0.0/12) and Services of new (10.96.0.0/12)"}
	if got := overlaps(old, next); !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	contains(t, Overview{Old: old, New: Ranges{Hidden: []string{services}}, Overlaps: want}.String(), want[0], "the API server of new does not show the addresses of Services")
}
