// Package zone is DNS records that move: RRsets, the Editor that changes them by compare-and-swap, the servers that answer
// for a zone, the read-back from all of them, and the step that phases build from these. It must not decide which names move
// or when; and it believes no editor that says "done": only what every authoritative server answers counts.
package zone

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Types are the record types that lead a client to an entry. Others are never touched.
var Types = []string{"A", "AAAA", "CNAME", "HTTPS"}

// Set is one RRset.
type Set struct {
	Name string   `json:"name"` // the owner: lower case, without the dot at the end
	Type string   `json:"type"`
	TTL  uint32   `json:"ttl"`  // seconds
	Data []string `json:"data"` // as in a zone file, sorted
}

func (s Set) String() string {
	return fmt.Sprintf("%s %d %s %s", s.Name, s.TTL, s.Type, strings.Join(s.Data, ", "))
}

// Names is the sets of Types that each name owns itself. A name that has none has an empty entry.
type Names map[string][]Set

// Change is all that one name owns of Types, before and after.
type Change struct {
	Name      string
	Was, Want []Set
}

// Abilities says what an editor can promise.
type Abilities struct {
	CompareAndSwap bool     // nothing is written unless Was is what is there
	Atomic         bool     // all changes of one Swap, or none
	ApexAlias      bool     // a host name may stand at the apex
	ByHand         bool     // Swap writes nothing: a person does, as Observe says
	AliasStays     bool     // Swap refuses to change an alias into addresses, and addresses into an alias
	Types          []string // what may stand at a name that is edited; nil: all of zone.Types
	MinTTL         uint32   // the lowest TTL that is taken, seconds; 0: none is known
	Guess          string   // why Get takes what a wildcard answers alike for the wildcard's; "": it knows
}

// Editor changes the records of one zone. It has to be safe for use from several goroutines.
type Editor interface {
	// Get returns what the names own themselves, not what a wildcard answers for them.
	Get(ctx context.Context, names []string) (Names, error)

	// Swap makes all changes. phase.ErrMoved says that some Was is not there any more, and ErrTooLarge that they do not fit
	// into one request: in both cases nothing was written. After any other error something may have been.
	Swap(ctx context.Context, changes []Change) error

	// Check settles, without writing, that a Swap would be let in at all. Code fault.Refused is a no.
	Check(ctx context.Context) error

	Abilities() Abilities
}

// ErrTooLarge from Swap: nothing was written, fewer names have to go at once.
var ErrTooLarge = errors.New("too many names for one request")

// Zone is one zone with who changes it and who answers for it.
type Zone struct {
	Name      string // without the dot at the end
	Editor    Editor
	Servers   func(context.Context) ([]Server, error) // every address of every authoritative server
	AllowRace bool                                    // an editor without compare-and-swap may write
}

// Holds reports whether name is the zone's apex or below it.
func (z *Zone) Holds(name string) bool { return name == z.Name || strings.HasSuffix(name, "."+z.Name) }

// Of returns the zone that is nearest above a name, nil if there is none.
func Of(zones []*Zone, name string) *Zone {
	var best *Zone
	for _, z := range zones {
		if z.Holds(name) && (best == nil || len(z.Name) > len(best.Name)) {
			best = z
		}
	}
	return best
}

// Same reports whether two lists hold the same sets, TTLs included.
func Same(a, b []Set) bool {
	return slices.EqualFunc(sorted(a), sorted(b), func(x, y Set) bool { return x.TTL == y.TTL && sameData(x, y) })
}

func sameData(x, y Set) bool {
	return x.Name == y.Name && x.Type == y.Type && slices.Equal(x.Data, y.Data)
}

func sorted(sets []Set) []Set {
	out := slices.Clone(sets)
	slices.SortFunc(out, func(a, b Set) int { return strings.Compare(a.Name+" "+a.Type, b.Name+" "+b.Type) })
	return out
}

// Typed returns the set of a type.
func Typed(sets []Set, kind string) (Set, bool) {
	i := slices.IndexFunc(sets, func(s Set) bool { return s.Type == kind })
	if i < 0 {
		return Set{}, false
	}
	return sets[i], true
}

// words is sets for a person.
func words(sets []Set) string {
	if len(sets) == 0 {
		return "nothing"
	}
	var all []string
	for _, s := range sorted(sets) {
		all = append(all, fmt.Sprintf("%s %s (TTL %d)", s.Type, strings.Join(s.Data, ", "), s.TTL))
	}
	return strings.Join(all, "; ")
}

// few joins what is said of many names, the first ones in full.
func few(all []string) string {
	const most = 5
	if len(all) <= most {
		return strings.Join(all, "; ")
	}
	return fmt.Sprintf("%s; and %d more", strings.Join(all[:most], "; "), len(all)-most)
}
