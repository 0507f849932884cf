package ledger

import (
	"maps"
	"slices"
	"time"
)

// MaxLateness is how late the generator may be, 99 times of 100, for a run to prove anything: beyond it the machine
// was too busy to tell a lost request from a starved client.
const MaxLateness = 100 * time.Millisecond

// keep is how many of the lost requests the counters show.
const keep = 20

// Counters are the ledger in numbers.
type Counters struct {
	Sent         int               `json:"sent"`
	Lost         int               `json:"lost"`
	Repeated     int               `json:"repeated"` // GETs that the client sent again on another connection, unseen by its user
	ByCluster    map[string]int    `json:"byCluster"`
	ByClass      map[Class]int     `json:"byClass"`
	ByTarget     map[string]Target `json:"byTarget"`     // by host and path
	ByEntry      map[string]int    `json:"byEntry"`      // which entry they were sent to
	ByGroup      map[string]Group  `json:"byGroup"`      // whose they were
	LongestGapMs int64             `json:"longestGapMs"` // longest time without any good answer
	GapMs        map[string]int64  `json:"gapMs"`        // the same for the answers of one cluster, between its first and its last
	LatenessMs   int64             `json:"latenessMs"`   // of the generator, 99th percentile
	Inconclusive bool              `json:"inconclusive"` // LatenessMs is beyond MaxLateness
	Bad          []Entry           `json:"bad"`          // the first that were lost
	LostAt       []time.Time       `json:"-"`            // when each that was lost was sent
}

// Target is one host and path.
type Target struct {
	Sent         int   `json:"sent"`
	Lost         int   `json:"lost"`
	LongestGapMs int64 `json:"longestGapMs"`
}

// Group is one group of clients.
type Group struct {
	Sent    int            `json:"sent"`
	Lost    int            `json:"lost"`
	ByEntry map[string]int `json:"byEntry"`
}

// second is what happened within one second of the clock.
type second struct {
	answered map[string]int
	lost     int
}

// gap finds the longest time between two events that come almost in order.
type gap struct {
	last    time.Time
	longest time.Duration
}

func (g *gap) seen(t time.Time) {
	if !g.last.IsZero() {
		g.longest = max(g.longest, t.Sub(g.last))
	}
	if t.After(g.last) {
		g.last = t
	}
}

// tally folds entries into counters.
type tally struct {
	c        Counters
	seconds  map[int64]*second
	overall  gap
	clusters map[string]*gap
	targets  map[string]*gap
	late     [1002]int // how many requests were that many milliseconds late; the last place is for all beyond
}

func newTally() tally {
	return tally{
		c:        Counters{ByCluster: map[string]int{}, ByClass: map[Class]int{}, ByTarget: map[string]Target{}, ByEntry: map[string]int{}, ByGroup: map[string]Group{}},
		seconds:  map[int64]*second{},
		clusters: map[string]*gap{},
		targets:  map[string]*gap{},
	}
}

func (t *tally) add(e Entry) {
	t.c.ByClass[e.Class]++
	if !e.counts() {
		return
	}
	t.c.Sent++
	t.c.ByEntry[e.Entry]++
	t.group(e)
	t.late[min(max(int(e.Late), 0), len(t.late)-1)]++
	if e.Tries > 1 && e.Method == "GET" {
		t.c.Repeated++
	}
	name := e.Host + e.Path
	target, s := t.c.ByTarget[name], t.second(e.Done())
	target.Sent++
	if e.Class.Lost() {
		target.Lost++
		t.c.Lost++
		t.c.LostAt = append(t.c.LostAt, e.At)
		s.lost++
		if len(t.c.Bad) < keep {
			t.c.Bad = append(t.c.Bad, e)
		}
	} else {
		t.c.ByCluster[e.Cluster]++
		s.answered[e.Cluster]++
		t.overall.seen(e.Done())
		seen(t.clusters, e.Cluster, e.Done())
		seen(t.targets, name, e.Done())
	}
	t.c.ByTarget[name] = target
}

func (t *tally) group(e Entry) {
	g := t.c.ByGroup[e.Group]
	if g.ByEntry == nil {
		g.ByEntry = map[string]int{}
	}
	g.Sent++
	g.ByEntry[e.Entry]++
	if e.Class.Lost() {
		g.Lost++
	}
	t.c.ByGroup[e.Group] = g
}

func (t *tally) second(at time.Time) *second {
	s := t.seconds[at.Unix()]
	if s == nil {
		s = &second{answered: map[string]int{}}
		t.seconds[at.Unix()] = s
	}
	return s
}

func seen(gaps map[string]*gap, key string, at time.Time) {
	if gaps[key] == nil {
		gaps[key] = &gap{}
	}
	gaps[key].seen(at)
}

// counters returns a copy that the caller may keep.
func (t *tally) counters() Counters {
	c := t.c
	c.ByCluster, c.ByClass, c.ByEntry = maps.Clone(c.ByCluster), maps.Clone(c.ByClass), maps.Clone(c.ByEntry)
	c.ByTarget, c.Bad, c.LostAt = maps.Clone(c.ByTarget), slices.Clone(c.Bad), slices.Clone(c.LostAt)
	c.ByGroup = map[string]Group{}
	for name, g := range t.c.ByGroup {
		g.ByEntry = maps.Clone(g.ByEntry)
		c.ByGroup[name] = g
	}
	c.LongestGapMs = t.overall.longest.Milliseconds()
	c.GapMs = map[string]int64{}
	for cluster, g := range t.clusters {
		c.GapMs[cluster] = g.longest.Milliseconds()
	}
	for name, g := range t.targets {
		target := c.ByTarget[name]
		target.LongestGapMs = g.longest.Milliseconds()
		c.ByTarget[name] = target
	}
	c.LatenessMs = t.lateness(0.99)
	c.Inconclusive = c.LatenessMs > MaxLateness.Milliseconds()
	return c
}

// lateness returns the milliseconds that this share of all requests was at most late.
func (t *tally) lateness(share float64) int64 {
	need, n := int(share*float64(t.c.Sent)), 0
	for ms, count := range t.late {
		if n += count; n > need || n == t.c.Sent {
			return int64(ms)
		}
	}
	return 0
}
