package link

import (
	"fmt"
	"strings"
	"time"
)

// The states of a Row.
const (
	Open     = "open"
	Refused  = "refused"
	TimedOut = "timed out"
	NoRoute  = "no route"
	NoName   = "name does not resolve"
	NoAnswer = "no answer"          // it takes connections, and that is all
	Small    = "only small packets" // larger ones are lost
	NoUDP    = "only over TCP"      // and UDP is needed as well
	Another  = "another process"    // than the one that its own side means by that name
	Inside   = "its own address"    // of the side that dials: it never leaves
	Unsure   = "could not tell"     // who was to dial could not, or what was said proves nothing
)

// Row is what was seen of one path.
type Row struct {
	Path
	Addresses []string `json:"addresses,omitempty"` // what the name means there
	State     string   `json:"state"`
	Millis    float64  `json:"ms,omitempty"`    // until it was connected, as who dials sees it; 0: not known
	Large     bool     `json:"large,omitempty"` // packets larger than any MTU were seen to arrive
	Why       string   `json:"why,omitempty"`   // in words
	Rule      string   `json:"rule,omitempty"`  // of the firewall, which is missing

	// IfRejected is the rule that is missing if it was a firewall that refused, and not a host on which nobody listens yet.
	IfRejected string `json:"ifRejected,omitempty"`

	some bool  // connections came about before the one that did not
	err  error // of Unsure
}

// Holds says whether the path is as the plan needs it. Where what listens is only started later, a connection that is refused is
// all that can be seen. Who refuses it does not show.
func (r Row) Holds() bool {
	return r.State == Open || r.Later != "" && (r.State == Refused || r.State == NoAnswer)
}

// reached: packets go there and back, whoever answers.
func (r Row) reached() bool {
	switch r.State {
	case Open, Refused, NoAnswer, Small, NoUDP, Another:
		return true
	}
	return r.some
}

// String is the row in words.
func (r Row) String() string {
	text := r.To + ": " + r.State
	switch {
	case r.State == Open:
		if r.Millis > 0 {
			text += fmt.Sprintf(", %s to connect", time.Duration(r.Millis*float64(time.Millisecond)).Round(10*time.Microsecond))
		}
		if r.Large {
			text += ", large packets too"
		}
	case r.Holds():
		text += ", since nobody listens before " + r.Later + " is applied"
	case r.Why != "":
		text += ", " + r.Why
	}
	if r.Later != "" && r.State == TimedOut {
		text += "; if the address itself is not there before " + r.Later + " is applied, apply these by hand now"
	}
	if len(r.Addresses) > 0 && !strings.Contains(r.To, r.Addresses[0]) {
		text += " (" + strings.Join(r.Addresses, ", ") + ")"
	}
	if r.Rule != "" {
		text += "; missing: " + r.Rule
	}
	if r.IfRejected != "" {
		text += "; if a firewall rejects: " + r.IfRejected
	}
	return text
}

// oneWay says in words which of the two directions works while nothing passes in the other, "" where that is not so. Nothing that
// could not be told, and no name that leads nowhere, is taken for a direction that does not work.
func oneWay(rows []Row, what string) string {
	open, closed := map[string]int{}, map[string]int{}
	for _, r := range rows {
		switch {
		case r.reached():
			open[r.From]++
		case r.State == TimedOut || r.State == NoRoute:
			closed[r.From]++
		}
	}
	for from, to := range map[string]string{"old": "new", "new": "old"} {
		if open[from] > 0 && closed[from] == 0 && closed[to] > 0 && open[to] == 0 {
			return fmt.Sprintf("%s works one way only: %s reaches %s, and %s does not reach %s", what, from, to, to, from)
		}
	}
	return ""
}
