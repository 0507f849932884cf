package replset

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// View is the set at one moment, each member asked by itself.
type View struct {
	Config    Config // of the writable primary or, without one, the newest that anybody showed
	Committed bool   // as the writable primary says
	Primary   string // who accepts writes, "" for nobody
	Members   []Seen // in the order of the configuration
	At        time.Time
}

// Seen is one member at that moment.
type Seen struct {
	Member
	Hello     Hello
	HelloErr  error
	Status    Status
	StatusErr error // apart from HelloErr: one that answers and lets nobody look is not one that is gone
	Version   int64 // of the configuration that it has
	Term      int64
	Identity  string // of the set that its configuration is of
	ConfigErr error
}

// The answers to "where is the primary" that are not a name.
var (
	ErrNoPrimary = errors.New("no member of the replica set accepts writes")
	ErrNoConfig  = errors.New("no member of the replica set shows its configuration")
)

// View asks every member. That there is no primary is no error here. ErrNoConfig, and an error that IsRights, say that nothing is
// known.
func (s *Set) View(ctx context.Context) (View, error) {
	config, err := s.find(ctx, s.seeds)
	if err != nil && len(s.also) > 0 && ctx.Err() == nil { // the URI's members may have left, and be gone
		if other, failed := s.find(ctx, s.also); failed == nil {
			config, err = other, nil
		}
	}
	if err != nil {
		return View{}, err
	}
	v := View{Config: config, At: time.Now()}
	members := config.Members()
	v.Members = make([]Seen, len(members))
	var wg sync.WaitGroup
	for i, m := range members {
		wg.Go(func() { v.Members[i] = s.look(ctx, m) })
	}
	wg.Wait()
	if ctx.Err() != nil {
		return View{}, context.Cause(ctx)
	}
	return v, s.settlePrimary(ctx, &v)
}

// look asks one member everything.
func (s *Set) look(ctx context.Context, m Member) Seen {
	n, seen := s.Node(m.Host), Seen{Member: m}
	if seen.Hello, seen.HelloErr = n.Hello(ctx); seen.HelloErr != nil {
		seen.StatusErr, seen.ConfigErr = seen.HelloErr, seen.HelloErr
		return seen
	}
	seen.Status, seen.StatusErr = n.Status(ctx)
	c, _, err := n.Config(ctx, false)
	seen.Version, seen.Term, seen.Identity, seen.ConfigErr = c.Version(), c.Term(), c.Identity(), err
	return seen
}

// leaders are the members that say that they accept writes, the one of the latest election first: another, behind a link that was
// just cut, has not noticed yet that it is none any more.
func leaders(members []Seen) []Seen {
	all := slices.DeleteFunc(slices.Clone(members), func(m Seen) bool { return m.HelloErr != nil || !m.Hello.Writable })
	slices.SortStableFunc(all, func(a, b Seen) int {
		return cmp.Or(cmp.Compare(b.Hello.Election, a.Hello.Election), cmp.Compare(b.Status.Term, a.Status.Term))
	})
	return all
}

// settlePrimary reads the configuration of the primary again: the one that was found first may be older.
func (s *Set) settlePrimary(ctx context.Context, v *View) error {
	for _, m := range leaders(v.Members) {
		c, committed, err := s.Node(m.Host).Config(ctx, true)
		switch {
		case CodeOf(err) == codeNotWritable:
			continue // it stopped being one
		case err != nil:
			return err
		}
		v.Primary, v.Config, v.Committed = m.Host, c, committed
		for i := range v.Members {
			if fresh, ok := c.Member(v.Members[i].Host); ok {
				v.Members[i].Member = fresh
			}
		}
		v.Members = slices.DeleteFunc(v.Members, func(m Seen) bool { _, ok := c.Member(m.Host); return !ok })
		for _, m := range c.Members() {
			if !slices.ContainsFunc(v.Members, func(seen Seen) bool { return seen.Host == m.Host }) {
				v.Members = append(v.Members, s.look(ctx, m))
			}
		}
		return nil
	}
	return nil
}

// find returns the newest configuration that any of hosts, or of whom these name, shows.
func (s *Set) find(ctx context.Context, hosts []string) (Config, error) {
	best := Config{}
	asked := map[string]error{}
	for len(hosts) > 0 {
		var next []string
		type answer struct {
			host string
			c    Config
			err  error
		}
		answers := make(chan answer, len(hosts))
		n := 0
		for _, h := range hosts {
			if _, done := asked[h]; done || h == "" {
				continue
			}
			asked[h] = nil
			n++
			go func() {
				c, _, err := s.Node(h).Config(ctx, false)
				answers <- answer{h, c, err}
			}()
		}
		for range n {
			a := <-answers
			asked[a.host] = a.err
			if a.err != nil || a.c.Empty() || len(a.c.Members()) == 0 {
				continue
			}
			if newer(a.c, best) {
				best = a.c
			}
			for _, m := range a.c.Members() {
				next = append(next, m.Host)
			}
		}
		hosts = next
		if !best.Empty() {
			break // the members that it names are looked at anyway
		}
	}
	if !best.Empty() {
		return best, nil
	}
	if ctx.Err() != nil {
		return best, context.Cause(ctx)
	}
	return best, noConfig(asked)
}

func newer(a, b Config) bool {
	return b.Empty() || a.Term() > b.Term() || a.Term() == b.Term() && a.Version() > b.Version()
}

// noConfig says why nobody showed a configuration. That we may not look comes first: it is not that there is nothing.
func noConfig(asked map[string]error) error {
	var whys []string
	var rights error
	for host, err := range asked {
		if IsRights(err) {
			rights = err
		}
		if err != nil {
			whys = append(whys, err.Error())
		} else {
			whys = append(whys, host+" shows none")
		}
	}
	slices.Sort(whys)
	if rights != nil {
		return fmt.Errorf("%w: %w", ErrNoConfig, rights)
	}
	return fmt.Errorf("%w: %s", ErrNoConfig, strings.Join(whys, "; "))
}

// Member returns how a member was seen.
func (v View) Member(host string) (Seen, bool) {
	for _, m := range v.Members {
		if m.Host == host {
			return m, true
		}
	}
	return Seen{}, false
}

// glance is how long a member may take to say whether it accepts writes, where all are asked and one hangs.
const glance = time.Second

// Writable asks the members of a view who accepts writes now, "" for nobody that answered.
func (s *Set) Writable(ctx context.Context, v View) string {
	found := make(chan Seen, len(v.Members))
	for _, m := range v.Members {
		go func() {
			d, err := s.Node(m.Host).run(ctx, false, glance, "admin", bson.D{{Key: "hello", Value: 1}})
			found <- Seen{Member: m.Member, Hello: hello(d), HelloErr: err}
		}()
	}
	var all []Seen
	for range v.Members {
		all = append(all, <-found)
	}
	for _, m := range leaders(all) {
		return m.Host
	}
	return ""
}

// Unsettled says why the configuration is not in force everywhere yet, "" if it is: committed, and on all voters that answer. Who
// goes on before that would be refused, or would find voters that refuse a candidate because its configuration differs.
func (v View) Unsettled() string {
	if v.Primary == "" {
		return ErrNoPrimary.Error()
	}
	if !v.Committed {
		return fmt.Sprintf("configuration %s is not committed yet", v.Config)
	}
	for _, m := range v.Members {
		switch {
		case m.HelloErr != nil: // gates ask for that; an even split must not wait for it
		case m.ConfigErr != nil && m.Votes > 0:
			return m.Host + " does not show its configuration: " + m.ConfigErr.Error()
		case m.ConfigErr == nil && m.Votes > 0 && (m.Version != v.Config.Version() || m.Term != v.Config.Term()):
			return fmt.Sprintf("%s has configuration (term %d, version %d), the primary has %s", m.Host, m.Term, m.Version, v.Config)
		}
	}
	return ""
}

// Deaf says which member does not hear another one, "" if all do.
func (v View) Deaf() string {
	for _, m := range v.Members {
		if m.StatusErr != nil {
			return m.Host + " does not say how it sees the others: " + m.StatusErr.Error()
		}
		for _, p := range m.Status.Peers {
			if why := p.Ill(); why != "" && !p.Self {
				return m.Host + " sees " + p.Host + " as " + why
			}
		}
	}
	return ""
}

// Ill says what is wrong with a member in the eyes of another, "" if nothing.
func (p Peer) Ill() string {
	switch {
	case p.Unauthenticated:
		return "having another key"
	case !p.Healthy:
		return strings.TrimSpace(p.State + " " + p.Message)
	}
	return ""
}

// Lag is how far the last write of each of hosts is behind that of the primary, and when it cannot be told an error. On a set that
// is written to all the time that is the difference of two clocks of one primary; on an idle one call Note first.
func (v View) Lag(host string) (time.Duration, error) {
	p, ok := v.Member(v.Primary)
	if !ok {
		return 0, ErrNoPrimary
	}
	m, ok := v.Member(host)
	switch {
	case !ok:
		return 0, fmt.Errorf("%s is not in the set", host)
	case m.HelloErr != nil:
		return 0, m.HelloErr
	case m.Hello.Last.IsZero():
		return 0, fmt.Errorf("%s has no write yet", host)
	}
	return max(time.Duration(int64(p.Hello.Last.T)-int64(m.Hello.Last.T))*time.Second, 0), nil
}
