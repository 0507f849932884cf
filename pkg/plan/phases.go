package plan

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
)

// Phases returns the phases of the plan in the order in which they run. Without mongodb there is no join and no
// stepdown, without names that move no ttl and no dns, without link no link.
func (p *Plan) Phases() []string {
	s := &p.Spec
	named := len(s.DNS.Zones) > 0 // manual: a person moves all names, and this tool has nothing to do about it
	var all []string
	add := func(yes bool, names ...string) {
		if yes {
			all = append(all, names...)
		}
	}
	add(s.Link != nil, "link")
	add(named, "ttl")
	add(s.MongoDB != nil, "join")
	add(true, "proxy", "routes")
	add(named, "dns")
	after := p.stepdownAfter()
	for i, w := range s.Waves {
		add(true, "migrate/"+w.Name)
		add(s.MongoDB != nil && i == after, "stepdown")
	}
	return append(all, "cleanup")
}

// stepdownAfter is the index of the wave after which the primary moves: the one that is named, else the first by which
// half of the workloads moved, since from there on more writers are near the new primary than near the old one.
func (p *Plan) stepdownAfter() int {
	waves := p.Spec.Waves
	if sd := p.Spec.Stepdown; sd != nil {
		if i := slices.IndexFunc(waves, func(w Wave) bool { return w.Name == sd.After }); i >= 0 {
			return i
		}
	}
	all := 0
	for _, w := range waves {
		all += len(w.Workloads)
	}
	moved := 0
	for i, w := range waves {
		moved += len(w.Workloads)
		if 2*moved >= all {
			return i
		}
	}
	return len(waves) - 1
}

// Wave returns the wave of that name.
func (p *Plan) Wave(name string) (Wave, bool) {
	for _, w := range p.Spec.Waves {
		if w.Name == name {
			return w, true
		}
	}
	return Wave{}, false
}

// Digest is the SHA-256, in hex, of what the plan says with its defaults. How it is written does not matter, nor how far it may go
// (through): moving on is no other plan. The content of files that it names is no part of it.
func (p *Plan) Digest() string {
	said := *p
	said.Spec.Through = ""
	data, err := json.Marshal(said)
	if err != nil { // only a plan that Decode did not make, with a NaN in it; this text equals no digest
		return "no digest: " + err.Error()
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
