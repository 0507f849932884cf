package faulty

import (
	"hash/fnv"
	"maps"
	"slices"
	"strings"
	"sync"
)

// Turns deals faults out so that every kind of call (a verb on a resource) meets every fault, whatever kinds there are:
// nobody has to know beforehand what will be called. Proxies may share one, and then a kind is tried in either cluster.
//
// In each run the first call of a kind meets a fault in each cluster, and so does that of every other object while the kind has
// not met all of them. No object meets more than its client could bear: one fault a run, or two where it is written.
type Turns struct {
	mu     sync.Mutex
	faults []Fault
	hangs  int // how many calls may still hang in this run
	met    map[string]map[Fault]bool
	run    map[turn]int // faults in this run
}

// turn is whose fault it was: an object's, or without namespace and name that of a kind in one cluster.
type turn struct {
	at                    *Proxy
	kind, namespace, name string
}

// NewTurns deals out those faults. Hangs cost the time that a client has for a request, so each run begins with its share.
func NewTurns(faults ...Fault) *Turns {
	return &Turns{faults: faults, met: map[string]map[Fault]bool{}, run: map[turn]int{}}
}

// Begin is the begin of another run, in which at most so many calls hang.
func (t *Turns) Begin(hangs int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.hangs, t.run = hangs, map[turn]int{}
}

// Deal lets calls that no rule takes have their turns. nil: none has.
func (p *Proxy) Deal(t *Turns) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.turns = t
}

// Kind is the verb and the resource of a call.
func (c Call) Kind() string { return c.Verb + " " + c.Resource }

// next is the fault for a call; "" is none.
func (t *Turns) next(at *Proxy, c *Call) Fault {
	t.mu.Lock()
	defer t.mu.Unlock()
	kind := c.Kind()
	one, all := turn{at, kind, c.Namespace, c.Name}, turn{at: at, kind: kind}
	if t.run[one] >= bearable(c) {
		return ""
	}
	fault := t.owed(kind, func(f Fault) bool { return f.instant() || !t.standsIn(at, c) && (f != Hang || t.hangs > 0) })
	if fault == "" {
		if t.run[all] > 0 {
			return ""
		}
		fault = instants[(offset(kind)+len(t.run))%len(instants)]
	}
	if t.met[kind] == nil {
		t.met[kind] = map[Fault]bool{}
	}
	t.met[kind][fault] = true
	t.run[one]++
	if one != all {
		t.run[all]++
	}
	if fault == Hang {
		t.hangs--
	}
	return fault
}

// owed is the next fault that a kind has not met. Kinds begin at different ones.
func (t *Turns) owed(kind string, may func(Fault) bool) Fault {
	for i := range t.faults {
		f := t.faults[(offset(kind)+i)%len(t.faults)]
		if !t.met[kind][f] && may(f) {
			return f
		}
	}
	return ""
}

func offset(kind string) int {
	h := fnv.New32a()
	_, _ = h.Write([]byte(kind))
	return int(h.Sum32() % 1000)
}

// standsIn: a list that is asked for since its watch met a fault has only what is left of the time.
func (t *Turns) standsIn(at *Proxy, c *Call) bool {
	return c.Verb == "list" && t.run[turn{at, "watch " + c.Resource, c.Namespace, ""}] > 0
}

// bearable is how many faults a client gets over with one object. What is updated is a lock or a journal, which wait for nobody.
func bearable(c *Call) int {
	if c.Writes() && c.Verb != "update" {
		return 2
	}
	return 1
}

// instants take no time.
var instants = []Fault{Answer500, TooMany, Reset, Lose}

func (f Fault) instant() bool { return slices.Contains(instants, f) }

// Owed are the faults that a kind of call never met, as "create services: hang". Single objects and lists of what is also
// watched are asked for only where a watch broke, so how often is chance, and one fault is enough there.
func (t *Turns) Owed() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var out []string
	for kind, met := range t.met {
		verb, resource, _ := strings.Cut(kind, " ")
		if _, watched := t.met["watch "+resource]; watched && (verb == "get" || verb == "list") {
			continue
		}
		for _, f := range t.faults {
			if !met[f] {
				out = append(out, kind+": "+string(f))
			}
		}
	}
	slices.Sort(out)
	return out
}

// Met are the kinds of call that met a fault, sorted.
func (t *Turns) Met() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Sorted(maps.Keys(t.met))
}
