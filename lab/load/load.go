package load

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"cutover.dev/cutover/lab/load/ledger"
)

// Load is a running load.
type Load struct {
	o        Options
	ledger   *ledger.Ledger
	groups   map[string]*group
	inFlight atomic.Int64
	nextID   atomic.Int64
	began    time.Time
	wg       sync.WaitGroup
}

// group is a running group of clients.
type group struct {
	Group
	now   atomic.Pointer[clients]
	once  sync.Once
	ended chan struct{}
}

// Start begins to send. It goes on until Stop, or until ctx ends; requests that are under way then are waited for and
// not cut off, since a cut would look like a loss.
func Start(ctx context.Context, o Options) (*Load, error) {
	o.defaults()
	if err := o.check(); err != nil {
		return nil, fmt.Errorf("start the load: %w", err)
	}
	l := &Load{o: o, ledger: ledger.New(o.Ledger), groups: map[string]*group{}, began: time.Now()}
	for _, settings := range o.Groups {
		g := &group{Group: settings, ended: make(chan struct{})}
		g.now.Store(o.clients(g.Name, g.Entry, g.Names))
		l.groups[g.Name] = g
		context.AfterFunc(ctx, g.end)
	}
	detached := context.WithoutCancel(ctx)
	for _, g := range l.groups {
		if g.Rate > 0 {
			l.wg.Go(func() { l.generate(detached, g) })
		}
		if g.Names != nil && g.Names.Lifetime > 0 {
			l.wg.Go(g.renew)
		}
		for _, t := range o.Targets {
			for range g.Sessions {
				if t.Kind == Session {
					l.wg.Go(func() { (&session{load: l, group: g, target: t, put: l.ledger.Add}).run(detached) })
				}
			}
		}
	}
	return l, nil
}

// generate sends the group's requests, each at its time: never later because an earlier one has no answer yet.
func (l *Load) generate(ctx context.Context, g *group) {
	order := schedule(l.o.Targets)
	if len(order) == 0 {
		return
	}
	interval, asked := time.Second/time.Duration(g.Rate), map[string]int{}
	for i := 0; ; i++ {
		due := l.began.Add(time.Duration(i) * interval)
		if !g.sleep(time.Until(due)) {
			return
		}
		late, target := time.Since(due), order[i%len(order)]
		name := target.Host + target.Path
		r := request{target: target, id: l.id(), late: late, post: asked[name]%2 == 1, fresh: asked[name]%5 == 2 && !g.Kept}
		asked[name]++
		c := g.now.Load()
		l.inFlight.Add(1)
		l.wg.Go(func() {
			defer l.inFlight.Add(-1)
			l.ledger.Add(r.send(ctx, c))
		})
	}
}

// sleep waits for d. False means that the group has ended.
func (g *group) sleep(d time.Duration) bool {
	if d <= 0 {
		select {
		case <-g.ended:
			return false
		default:
			return true
		}
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-g.ended:
		return false
	}
}

func (g *group) end() { g.once.Do(func() { close(g.ended) }) }

func (l *Load) id() string { return fmt.Sprintf("%x-%d", l.began.UnixMilli(), l.nextID.Add(1)) }

// Move sends the clients of a group to another entry, as a changed DNS record would: requests under way are finished
// where they are, the next one goes to the new place. A WebSocket is closed by its client and opened there.
func (l *Load) Move(name string, to Entry) error {
	g, ok := l.groups[name]
	if !ok {
		return fmt.Errorf("move clients: there is no group %q", name)
	}
	before := g.now.Swap(l.o.clients(name, to, nil))
	close(before.moved)
	before.kept.CloseIdleConnections()
	return nil
}

// End ends the clients of a group. What they have under way is finished.
func (l *Load) End(name string) error {
	g, ok := l.groups[name]
	if !ok {
		return fmt.Errorf("end clients: there is no group %q", name)
	}
	g.end()
	return nil
}

// Counters returns what was counted so far.
func (l *Load) Counters() ledger.Counters { return l.ledger.Counters() }

// Second returns who answered how often in the second that t falls into, and how many requests were lost in it.
func (l *Load) Second(t time.Time) (map[string]int, int) { return l.ledger.Second(t) }

// InFlight is how many requests have no answer yet.
func (l *Load) InFlight() int { return int(l.inFlight.Load()) }

// Stop ends every group, waits until every request has its end, and returns the last counters. The error says that the
// ledger's file does not hold all of them.
func (l *Load) Stop() (ledger.Counters, error) {
	for _, g := range l.groups {
		g.end()
	}
	l.wg.Wait()
	for _, g := range l.groups {
		g.now.Load().kept.CloseIdleConnections()
	}
	return l.ledger.Counters(), l.ledger.Flush()
}
