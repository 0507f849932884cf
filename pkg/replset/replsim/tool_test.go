package replsim

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"cutover.dev/cutover/pkg/replset/path"
)

// outcome is how one run of the tool ended.
type outcome int

const (
	killed  outcome = iota
	arrived         // at the end of the way that it was told to go
	stopped         // and said why
)

// tool does what the phase does, on a simulated set: look, plan one move, make it, look again. It remembers nothing but
// its goal, which stands in a journal.
type tool struct {
	s    *Sim
	rng  *rand.Rand
	goal path.Goal
	seen int // the highest _id, journaled

	commands int // how many it may send before it is killed; -1 = it is not
	trail    trail
	ways     map[bool]*path.Way
	log      []string
	looks    int
	read     *Config // the last one, and what the planner makes of it
	planned  path.Config
	lookedAt time.Duration
}

var errKilled = errors.New("killed")

// send is every command that changes something: the tool may die before, during and after it.
func (t *tool) send(what string, limit time.Duration, call func(limit time.Duration, reply func(*Error))) (*Error, error) {
	if t.commands == 0 {
		return nil, errKilled
	}
	var answer *Error
	answered := false
	patience := limit + 2*time.Second
	if t.commands > 0 {
		if t.commands--; t.commands == 0 { // it dies while the command is on its way, or just after
			patience = time.Duration(t.rng.Int64N(int64(3 * time.Second)))
		}
	} else if t.rng.IntN(12) == 0 { // a deadline that strikes before or after what it is about
		limit = time.Duration(t.rng.Int64N(int64(2500 * time.Millisecond)))
		patience = limit + time.Second
	}
	t.log = append(t.log, fmt.Sprint(t.s.Now(), " ", what))
	call(limit, func(e *Error) { answer, answered = e, true })
	t.s.Until(patience, func() bool { return answered })
	if t.commands == 0 {
		return nil, errKilled
	}
	if !answered {
		answer = errNetwork
	}
	if answer != nil {
		t.log = append(t.log, fmt.Sprint(t.s.Now(), "   ", answer))
		t.s.Run(500 * time.Millisecond)
	}
	return answer, nil
}

// view is what it sees: who is writable, its configuration, and what is wrong with which member.
type view struct {
	path.Live
	settled string // "", or what the next reconfig has to wait for
	healthy string // "", or who is not
	lag     int
}

func (t *tool) look() (view, bool) {
	if t.looks++; t.s.Now() != t.lookedAt {
		t.looks, t.lookedAt = 0, t.s.Now()
	} else if t.looks > 50 {
		panic(fmt.Sprint("the tool turns in circles and no time passes: ", t.log[max(0, len(t.log)-6):]))
	}
	var v view
	best := t.best()
	if best == nil {
		return v, false
	}
	v.Primary = best.host
	c := best.config
	if c != t.read {
		t.read, t.planned = c, plan(c)
	}
	v.Config = t.planned
	if !best.committed() {
		v.settled = "the configuration is not committed"
	}
	for i := range c.Members {
		m := &c.Members[i]
		to, ok := t.s.byHost[m.Host]
		if !ok || !t.s.nodes[to].up || t.s.nodes[to].paused || t.s.nodes[to].me() == nil {
			v.healthy, v.Down = m.Host+" does not answer", append(v.Down, m.Host)
			continue
		}
		n := t.s.nodes[to]
		switch {
		case n != best && !best.peer(m.Host).healthy:
			v.healthy, v.Down = m.Host+" is not seen by the primary", append(v.Down, m.Host)
		case n.config.Version != c.Version:
			v.settled = m.Host + " has another configuration"
		case n.state != Secondary && n.state != Primary:
			v.healthy = m.Host + " is no secondary"
		}
		v.lag = max(v.lag, best.last().index-n.last().index)
	}
	return v, true
}

// best is who takes writes; of two, of whom one does not know yet that it is none any more, the later one.
func (t *tool) best() (best *node) {
	for _, n := range t.s.nodes {
		if t.s.Writable(n.host) && (best == nil || n.last().term > best.last().term) {
			best = n
		}
	}
	return best
}

// sees is the primary of the set: the best one, if a majority of the voters follows it.
func (t *tool) sees() (string, bool) {
	best := t.best()
	if best == nil || !best.committed() {
		return "", false
	}
	return best.host, true
}

func (t *tool) hosts() []string {
	var all []string
	for _, m := range t.goal.First.Members {
		all = append(all, m.Host)
	}
	return append(all, t.goal.New...)
}

func (t *tool) way(back bool) (w *path.Way, err error) {
	if w = t.ways[back]; w != nil {
		return w, nil
	}
	if w, err = path.Ahead(t.goal); back {
		w, err = path.Back(t.goal)
	}
	t.ways[back] = w
	return w, err
}

// install sends a reconfig. Whatever is answered, what counts is what is read next.
func (t *tool) install(primary string, m path.Move) error {
	_, err := t.send(fmt.Sprint("reconfig ", m.Changes), 25*time.Second, func(limit time.Duration, reply func(*Error)) {
		t.s.Reconfig(primary, config(m.After), false, limit, reply)
	})
	return err
}

// members brings every new member in, or out, one at a time.
func (t *tool) members(in bool, limit time.Duration) (outcome, string) {
	end := t.s.Now() + limit
	for t.s.Now() < end {
		v, ok := t.look()
		if !ok || v.settled != "" || v.healthy != "" {
			t.s.Run(400 * time.Millisecond)
			continue
		}
		var m path.Move
		var err error
		for _, h := range t.goal.New {
			if in {
				m, err = path.Join(v.Config, h, v.Primary, t.seen)
			} else {
				m, err = path.Leave(v.Config, h, v.Primary)
			}
			if err != nil || m.Do != path.Stay {
				break
			}
		}
		switch {
		case err != nil:
			return stopped, err.Error()
		case m.Do == path.Stay:
			return arrived, ""
		}
		if err := t.install(v.Primary, m); err != nil {
			return killed, ""
		}
	}
	return stopped, "members do not come in or out; see what they say"
}

// joined reports whether every new member is in the set.
func (t *tool) joined() bool {
	best := t.best()
	return best != nil && !slices.ContainsFunc(t.goal.New, func(host string) bool { return best.config.find(host) == nil })
}

func plan(c *Config) path.Config {
	out := path.Config{Version: c.Version, Term: c.Term}
	for _, m := range c.Members {
		out.Members = append(out.Members, path.Member{ID: m.ID, Host: m.Host, Votes: m.Votes, Priority: m.Priority, Hidden: m.Hidden, Arbiter: m.Arbiter})
	}
	return out
}

func config(c path.Config) *Config {
	out := &Config{Name: "rs0", Version: c.Version, Protocol: 1}
	for _, m := range c.Members {
		out.Members = append(out.Members, Member{ID: m.ID, Host: m.Host, Votes: m.Votes, Priority: m.Priority, Hidden: m.Hidden, Arbiter: m.Arbiter})
	}
	return out
}

// same compares what a way back has to restore.
func same(c *Config, first path.Config) bool {
	now := plan(c).Members
	return slices.EqualFunc(now, first.Members, func(a, b path.Member) bool { a.ID = b.ID; return a == b })
}
