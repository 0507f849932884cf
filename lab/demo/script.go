package main

import (
	"errors"
	"slices"
	"strings"
)

// do is what one act of the demo does.
type do string

// The acts.
const (
	apply    do = "apply"    // run a phase
	rollback do = "rollback" // take a phase back; Phase is the one taken back, To the one that stays
	move     do = "move"     // the clients that follow go to new's entry
	refuse   do = "refuse"   // run link before firewalls that are closed
	open     do = "open"     // the firewalls let in what link named
	end      do = "end"      // the clients at old's entry end
)

// act is one line of the demo.
type act struct {
	Do    do
	Phase string
	To    string
}

func (a act) title() string {
	switch a.Do {
	case rollback:
		return a.Phase + " back"
	case move:
		return "clients move to new"
	case refuse:
		return a.Phase + " refused"
	case open:
		return "firewalls open"
	case end:
		return "clients at old end"
	}
	return a.Phase
}

// script makes the acts of the plan's phases: the clients move after routes, unless names lead them in dns, the last wave is
// taken back and run again, link is refused before it passes, and the clients that stayed at old's entry end just before cleanup. A plan that lacks any of
// these shows nothing.
func script(phases []string) ([]act, error) {
	var acts []act
	last := -1
	for i, p := range phases {
		if strings.HasPrefix(p, "migrate/") {
			last = i
		}
	}
	if !slices.Contains(phases, "routes") || !slices.Contains(phases, "cleanup") || last < 1 {
		return nil, errors.New("the plan lacks the phase routes, migrate or cleanup: " + strings.Join(phases, ", "))
	}
	for i, p := range phases {
		if p == "cleanup" {
			acts = append(acts, act{Do: end})
		}
		if p == link {
			acts = append(acts, act{Do: refuse, Phase: p}, act{Do: open})
		}
		acts = append(acts, act{Do: apply, Phase: p})
		if p == "routes" && !slices.Contains(phases, "dns") {
			acts = append(acts, act{Do: move})
		}
		if i == last {
			acts = append(acts, act{Do: rollback, Phase: p, To: phases[i-1]}, act{Do: apply, Phase: p})
		}
	}
	return acts, nil
}
