package join

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"cutover.dev/cutover/pkg/fault"
	"cutover.dev/cutover/pkg/phase"
	"cutover.dev/cutover/pkg/phase/members"
	"cutover.dev/cutover/pkg/replset"
	"cutover.dev/cutover/pkg/replset/path"
)

// alone is for how long nobody else may change the configuration while it is looked at.
const alone = 10 * time.Second

// gates are the preconditions. The server itself takes nearly any member, so each is asked before one is added.
func gates(d Deps, past phase.Past) []phase.Step {
	g := &asker{d: d, past: past}
	within := members.Step(d.Plan)
	prove := func(id, title string, ask func(context.Context) (string, error)) phase.Step {
		return members.Gate(id, title, within, ask)
	}
	return []phase.Step{
		members.Healthy(d, func(host string) bool { return !slices.Contains(d.Plan.Spec.MongoDB.New, host) }),
		prove("prove:shape", "see that the set can be moved at all", g.shape),
		prove("prove:one-version", "see that all members run the same version", g.version),
		prove("prove:no-owner", "see that no operator keeps the configuration of the set", g.owner),
		prove("prove:nobody-else", "see that nobody else changes the configuration of the set", g.nobodyElse),
		prove("prove:names", "see that every new member's name leads to a process of its own", g.names),
		prove("prove:not-initiated", "see that no new member is in another replica set", g.fresh),
		prove("prove:no-data", "see that no new member holds data of somebody", g.data),
		prove("prove:write-concern", "see that the default write concern stays what it is", g.writeConcern),
		prove("prove:oplog", "see that the oplog reaches back far enough for an initial sync", g.oplog),
	}
}

// asker asks the preconditions.
type asker struct {
	d    Deps
	past phase.Past

	mu    sync.Mutex
	since time.Time // of the configuration seen first
	seen  replset.Config
}

func no(hint, format string, args ...any) error {
	return fault.New(fault.Refused, hint, format, args...)
}

// old is the view and who of it is not new.
func (g *asker) old(ctx context.Context) (replset.View, []replset.Seen, error) {
	v, err := members.See(ctx, g.d)
	var old []replset.Seen
	for _, m := range v.Members {
		if !g.isNew(m.Host) {
			old = append(old, m)
		}
	}
	if err == nil && len(old) == 0 {
		err = no("", "the replica set has no member but the new ones")
	}
	return v, old, err
}

// copies: it is a new member that has not got all its data. Until it has, it may know no user, and answers few questions: a later job
// that finds it so has to ask it as one that is not in the set.
func (g *asker) copies(m replset.Seen) bool {
	return g.isNew(m.Host) && !slices.Contains([]string{"PRIMARY", "SECONDARY"}, m.Status.State)
}

func (g *asker) isNew(host string) bool { return slices.Contains(g.d.Plan.Spec.MongoDB.New, host) }

// absent are the new members that are not in the set yet.
func (g *asker) absent(v replset.View) []string {
	return slices.DeleteFunc(slices.Clone(g.d.Plan.Spec.MongoDB.New), func(host string) bool {
		_, in := v.Config.Member(host)
		return in
	})
}

// shape: the planner knows a way for this set, and the server allows what is on it.
func (g *asker) shape(ctx context.Context) (string, error) {
	v, _, err := g.old(ctx)
	if err != nil {
		return "", err
	}
	first, known, err := members.First(g.past)
	if err != nil {
		return "", err
	}
	if !known {
		first = v.Config
	}
	goal := path.Goal{Set: first.Name(), First: first.Plan(), New: g.d.Plan.Spec.MongoDB.New}
	if !known {
		goal.First.Members = slices.DeleteFunc(goal.First.Members, func(m path.Member) bool { return g.isNew(m.Host) })
	}
	_, ahead := path.Ahead(goal)
	_, back := path.Back(goal)
	if err := errors.Join(ahead, back); err != nil {
		return "", fault.Wrap(fault.Refused, "", err)
	}
	if what := first.Special(); what != "" {
		return "", no("take it out of the configuration of the set first", "the set has %s, of which cutover does not know what new members need", what)
	}
	return fmt.Sprintf("%d old and %d new members", len(goal.First.Members), len(goal.New)), nil
}

func (g *asker) version(ctx context.Context) (string, error) {
	v, _, err := g.old(ctx)
	if err != nil {
		return "", err
	}
	builds, compatible := map[string][]string{}, map[string][]string{}
	blank := g.absent(v)
	for _, m := range v.Members {
		if g.copies(m) {
			blank = append(blank, m.Host)
			continue
		}
		b, err := g.d.Mongo.Node(m.Host).Build(ctx, true)
		if err != nil {
			return "", err
		}
		if b.Changing {
			return "", members.NotYet("%s is changing its feature compatibility version (let that come to its end first)", m.Host)
		}
		builds[release(b.Version)] = append(builds[release(b.Version)], m.Host)
		compatible[b.Compatibility] = append(compatible[b.Compatibility], m.Host)
	}
	for _, host := range blank {
		b, err := g.d.Mongo.Node(host).Build(ctx, false)
		if err != nil {
			return "", err
		}
		builds[release(b.Version)] = append(builds[release(b.Version)], host)
	}
	switch {
	case len(builds) > 1:
		return "", no("bring all members to one version first", "the members run several versions: %s", tally(builds))
	case len(compatible) > 1:
		return "", no("set it on the primary, and wait for the others", "the members have several feature compatibility versions: %s", tally(compatible))
	}
	for version := range builds {
		if !atLeast(version, 4, 4) {
			return "", no("upgrade first", "the members run MongoDB %s; changing a set safely begins with 4.4", version)
		}
	}
	return "all run " + tally(builds), nil
}

func (g *asker) owner(ctx context.Context) (string, error) {
	v, _, err := g.old(ctx)
	if err != nil {
		return "", err
	}
	v.Members = slices.DeleteFunc(v.Members, g.copies)
	owner, err := g.d.Mongo.Owner(ctx, v)
	if err != nil {
		return "", err
	}
	if owner != "" {
		return "", no("let it manage the set no longer (Percona: spec.unmanaged), or move the set by its own means", "the set belongs to %s, which would take every change back", owner)
	}
	return "no operator or agent shows", nil
}

func (g *asker) nobodyElse(ctx context.Context) (string, error) {
	v, _, err := g.old(ctx)
	if err != nil {
		return "", err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	switch now := time.Now(); {
	case g.since.IsZero():
		g.since, g.seen = now, v.Config
	case v.Config.Version() != g.seen.Version() && v.Config.Term() == g.seen.Term():
		was := g.seen
		g.since, g.seen = now, v.Config
		return "", no("find out who does, and let it stop", "somebody else changes the configuration: it was %s and is %s", was, v.Config)
	case now.Sub(g.since) >= alone:
		return fmt.Sprintf("%s for %s", v.Config, alone), nil
	}
	return "", members.NotYet("%s is looked at for %s", v.Config, alone)
}

// writeConcern: arbiters make the default depend on how many members there are.
func (g *asker) writeConcern(ctx context.Context) (string, error) {
	v, old, err := g.old(ctx)
	if err != nil {
		return "", err
	}
	arbiters := 0
	for _, m := range old {
		if m.Arbiter {
			arbiters++
		}
	}
	if arbiters == 0 {
		return "without arbiters it is majority, whoever is in the set", nil
	}
	set, err := g.d.Mongo.Node(v.Primary).WriteConcernIsSet(ctx)
	if err != nil {
		return "", err
	}
	if !set {
		return "", no("setDefaultRWConcern on the primary first", "the set has %d arbiters and no default write concern of its own: the server would refuse to add members that change it", arbiters)
	}
	return "it is set", nil
}

// What an initial sync is expected to need.
const (
	copied      = 20 << 20 // bytes a second, at least
	leastWindow = time.Hour
	muchWindow  = 24 * time.Hour
)

// oplog: entries that are gone before the copy is done make it begin again. One that is not full yet loses none.
func (g *asker) oplog(ctx context.Context) (string, error) {
	v, old, err := g.old(ctx)
	if err != nil {
		return "", err
	}
	if v.Primary == "" {
		return "", members.NotYet("%s", replset.ErrNoPrimary)
	}
	size, err := g.d.Mongo.Node(v.Primary).DataSize(ctx)
	if err != nil {
		return "", err
	}
	need := min(max(leastWindow, 3*time.Duration(size/copied)*time.Second), muchWindow)
	shortest := time.Duration(-1)
	for _, m := range old {
		if m.Arbiter || m.Votes == 0 {
			continue
		}
		n := g.d.Mongo.Node(m.Host)
		full, err := n.OplogFull(ctx)
		if err != nil {
			return "", err
		}
		if !full {
			continue
		}
		window, err := n.Oplog(ctx)
		if err != nil {
			return "", err
		}
		if shortest < 0 || window < shortest {
			shortest = window
		}
		if window < need {
			return "", no("replSetResizeOplog makes it larger", "the oplog of %s reaches back %s, an initial sync may need %s", m.Host, window.Round(time.Minute), need.Round(time.Minute))
		}
	}
	if shortest < 0 {
		return fmt.Sprintf("about %.1f MiB to copy; no oplog is full yet", float64(size)/(1<<20)), nil
	}
	return fmt.Sprintf("about %.1f MiB to copy; oplogs reach back %s", float64(size)/(1<<20), shortest.Round(time.Minute)), nil
}

// tally is "6.0 (a, b), 7.0 (c)".
func tally(of map[string][]string) string {
	var all []string
	for what, hosts := range of {
		slices.Sort(hosts)
		all = append(all, what+" ("+strings.Join(hosts, ", ")+")")
	}
	slices.Sort(all)
	return strings.Join(all, "; ")
}
