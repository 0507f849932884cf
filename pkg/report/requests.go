package report

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

// FactPrefix begins the names of facts that are ledgers of requests, as pkg/probe writes them.
const FactPrefix = "requests/"

// Requests is the books of one series of requests, as far as people want to see them. Times are milliseconds.
type Requests struct {
	Name       string         `json:"name"`
	Sent       int            `json:"sent"`
	Good       int            `json:"good"`
	Wrong      int            `json:"wrong"`
	Lost       int            `json:"lost"`
	Aborted    int            `json:"aborted,omitempty"`
	Skipped    int            `json:"skipped,omitempty"`
	LongestGap float64        `json:"longestGapMs"`
	P50        float64        `json:"p50Ms"`
	P99        float64        `json:"p99Ms"`
	ByVia      map[string]int `json:"byVia,omitempty"`
	ByClass    map[string]int `json:"byClass,omitempty"`
	Bad        []Bad          `json:"bad,omitempty"`
}

// Bad is one request that was lost or answered wrongly.
type Bad struct {
	Target string `json:"target"`
	ID     string `json:"id"`
	Status int    `json:"status,omitempty"`
	Class  string `json:"class,omitempty"`
	Error  string `json:"error"`
}

// ledgers finds the books among the facts of an observation, by name.
func ledgers(facts map[string]any) []Requests {
	var out []Requests
	for _, key := range slices.Sorted(maps.Keys(facts)) {
		name, ok := strings.CutPrefix(key, FactPrefix)
		if !ok {
			continue
		}
		data, err := json.Marshal(facts[key])
		var r Requests
		if err != nil || json.Unmarshal(data, &r) != nil {
			continue // a fact of that name from another version; the journal still has it
		}
		r.Name = name
		out = append(out, r)
	}
	return out
}

// Total adds up all books: what was sent and lost altogether, the longest of the gaps.
func Total(all []Requests) Requests {
	var t Requests
	for _, r := range all {
		t.Sent += r.Sent
		t.Good += r.Good
		t.Wrong += r.Wrong
		t.Lost += r.Lost
		t.LongestGap = max(t.LongestGap, r.LongestGap)
	}
	return t
}
