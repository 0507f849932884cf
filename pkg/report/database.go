package report

import (
	"encoding/json"
	"fmt"
	"strings"
)

// GapPrefix begins the names of facts that say for how long nobody could write while a primary moved, as pkg/replset writes them.
const GapPrefix = "gap/"

// Database is what moving the primary of the replica set cost, by the tool's own probes.
type Database struct {
	Winner string `json:"winner,omitempty"`
	Writes int    `json:"writes"` // acknowledged by a majority
	Lost   int    `json:"lost"`   // of these, not there afterwards
	Failed int    `json:"failed"` // writes that ended with an error

	GapMs GapMs    `json:"gapMs"`
	Notes []string `json:"notes,omitempty"` // what could not be measured, and why
}

// GapMs is for how long nobody could write, in milliseconds, measured in several ways; 0 where it could not be.
type GapMs struct {
	Retryable int64 `json:"retryable"` // a client with retryable writes and majority
	Plain     int64 `json:"plain"`     // a client without, w:1
	Hello     int64 `json:"hello"`     // by the members' own word
	Server    int64 `json:"server"`    // by the server's election metrics
}

// database finds the gap among facts, nil if there is none.
func database(facts map[string]any) *Database {
	for key, value := range facts {
		if !strings.HasPrefix(key, GapPrefix) {
			continue
		}
		text, err := json.Marshal(value)
		var g struct {
			RetryableMs, PlainMs, HelloMs, ServerMs int64
			Writes, Lost, Failed                    int
			Winner                                  string
			Notes                                   []string
		}
		if err != nil || json.Unmarshal(text, &g) != nil {
			continue
		}
		return &Database{
			Winner: g.Winner, Writes: g.Writes, Lost: g.Lost, Failed: g.Failed, Notes: g.Notes,
			GapMs: GapMs{Retryable: g.RetryableMs, Plain: g.PlainMs, Hello: g.HelloMs, Server: g.ServerMs},
		}
	}
	return nil
}

// moved is the table of what moving the primary cost.
func moved(d *Database) string {
	if d == nil {
		return ""
	}
	gap := func(ms int64) string {
		if ms == 0 {
			return "not measured"
		}
		return millis(float64(ms))
	}
	var b strings.Builder
	b.WriteString("| nobody could write | for |\n|---|--:|\n")
	for _, row := range []struct {
		what string
		ms   int64
	}{
		{"a client with retryable writes and majority", d.GapMs.Retryable},
		{"a plain client, w:1", d.GapMs.Plain},
		{"by the members' own word", d.GapMs.Hello},
		{"by the server's election metrics, until majority", d.GapMs.Server},
	} {
		fmt.Fprintf(&b, "| %s | %s |\n", row.what, gap(row.ms))
	}
	fmt.Fprintf(&b, "\nThe primary is %s. Of %d writes acknowledged by a majority %d are lost; %d ended with an error.\n", cell(d.Winner), d.Writes, d.Lost, d.Failed)
	for _, n := range d.Notes {
		fmt.Fprintf(&b, "%s\n", line(n))
	}
	return b.String()
}
