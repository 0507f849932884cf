package replsim

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"cutover.dev/cutover/pkg/replset/path"
)

var (
	seed      = flag.Uint64("seed", 1, "the first history; a failed one names its own")
	histories = flag.Int("histories", 10000, "how many random histories")
)

// history is one set, one load, one tool, and what goes wrong.
type history struct {
	t        *testing.T
	seed     uint64
	rng      *rand.Rand
	s        *Sim
	tool     *tool
	hosts    []string
	writes   int64
	trouble  int  // faults that are not healed yet
	forever  bool // one of them never will be
	stranger bool // a second actor left a member of its own
	splits   int  // directions that the tool came through as a whole
	said     []string
}

func (h *history) fatal(format string, args ...any) {
	h.t.Helper()
	h.t.Fatalf("history %d (run it alone: -run Histories -histories 1 -seed %d): %s\n%s\n%s\n%s", h.seed, h.seed, fmt.Sprintf(format, args...),
		strings.Join(h.tool.log, "\n"), strings.Join(h.said, "\n"), strings.Join(h.s.Dump(), "\n"))
}

func begin(t *testing.T, seed uint64) *history {
	h := &history{t: t, seed: seed, rng: rand.New(rand.NewPCG(seed, 2)), s: New(seed)} //nolint:gosec // a test
	m, n := 3, 3
	if h.rng.IntN(2) == 0 {
		m, n = 1+h.rng.IntN(4), 1+h.rng.IntN(4)
	} else if h.rng.IntN(10) == 0 {
		m, n = 1+h.rng.IntN(7), 1+h.rng.IntN(7)
	}
	g := path.Goal{Set: "rs0", First: path.Config{Version: 1, Term: 1}}
	for i := range m {
		o := path.Member{ID: i, Host: fmt.Sprintf("o%d", i+1), Votes: 1, Priority: 1}
		if i > 0 && h.rng.IntN(8) == 0 {
			o.Priority = []float64{0, 0.5, 1}[h.rng.IntN(3)]
		}
		g.First.Members = append(g.First.Members, o)
		h.hosts = append(h.hosts, o.Host)
	}
	for i := range n {
		g.New = append(g.New, fmt.Sprintf("n%d", i+1))
	}
	h.hosts = append(h.hosts, g.New...)
	for _, host := range h.hosts {
		h.s.Start(host, "", "key")
	}
	h.s.VotersWantEqual = h.rng.IntN(2) == 0
	h.s.Form(config(g.First), "o1")
	h.s.Installed = h.installed
	h.tool = &tool{s: h.s, rng: h.rng, goal: g, commands: -1, ways: map[bool]*path.Way{}}
	h.write()
	return h
}

// write is a client: it writes to whoever says that it may, also to a primary that is none any more.
func (h *history) write() {
	h.s.After(time.Duration(200+h.rng.IntN(1000))*time.Millisecond, h.write)
	from := h.rng.IntN(len(h.hosts))
	for i := range h.hosts {
		host := h.hosts[(from+i)%len(h.hosts)]
		if h.s.Writable(host) {
			h.writes++
			h.s.Insert(host, h.writes, h.rng.IntN(2), func(*Error) {})
			return
		}
	}
}

// harm lets something go wrong some time, and, mostly, heals it.
func (h *history) harm() {
	in := time.Duration(h.rng.Int64N(int64(30 * time.Second)))
	lasts := time.Duration(h.rng.Int64N(int64(40 * time.Second)))
	forever := h.rng.IntN(25) == 0
	host := h.hosts[h.rng.IntN(len(h.hosts))]
	do, undo, what := h.fault(host)
	h.trouble++
	h.s.After(in, func() {
		h.said = append(h.said, fmt.Sprint(h.s.Now(), " ", what, " for ", lasts, ", for ever: ", forever))
		do()
		if forever && undo != nil {
			h.forever = true
			return
		}
		h.s.After(lasts, func() {
			h.trouble--
			if undo != nil {
				undo()
			}
		})
	})
}

func (h *history) fault(host string) (do, undo func(), what string) {
	other := h.hosts[h.rng.IntN(len(h.hosts))]
	switch h.rng.IntN(9) {
	case 0, 1:
		return func() { h.link(true, true) }, func() { h.link(false, false) }, "the link is cut"
	case 2:
		toNew := h.rng.IntN(2) == 0
		return func() { h.link(toNew, !toNew) }, func() { h.link(false, false) }, fmt.Sprintf("one side cannot dial the other, new %t", toNew)
	case 3:
		return func() { h.s.Kill(host) }, func() { h.s.Restart(host) }, host + " is killed"
	case 4:
		return func() { h.s.Pause(host, true) }, func() { h.s.Pause(host, false) }, host + " hangs"
	case 5:
		return func() { h.s.Stall(host, true) }, func() { h.s.Stall(host, false) }, host + " lags"
	case 6:
		return func() { h.s.Cut(host, other, host != other) }, func() { h.s.Cut(host, other, false) }, host + " cannot dial " + other
	case 7:
		return func() {
			h.s.StepDown(host, 60*time.Second, 10*time.Second, false, 0, func(*Error) {})
		}, nil, "somebody lets " + host + " step down"
	default:
		return func() { h.meddle(host) }, nil, "somebody reconfigures"
	}
}

// link opens or closes all ways between old and new.
func (h *history) link(fromOld, fromNew bool) {
	for _, a := range h.hosts {
		for _, b := range h.hosts {
			if a[0] != b[0] {
				h.s.Cut(a, b, a[0] == 'o' && fromOld || a[0] == 'n' && fromNew)
			}
		}
	}
}

// meddle is a second actor: mostly it changes nothing but the version, now and then a priority or the members.
func (h *history) meddle(host string) {
	for _, p := range h.hosts {
		c, _, err := h.s.GetConfig(p, true)
		if err != nil {
			continue
		}
		mine := *c
		mine.Members = append([]Member(nil), c.Members...)
		mine.Version++
		switch m := mine.find(host); h.rng.IntN(4) {
		case 0:
			if m != nil && m.electable() {
				m.Priority += 0.5
			}
		case 1:
			if h.rng.IntN(3) == 0 {
				h.stranger = true
				mine.Members = append(mine.Members, Member{ID: 900, Host: "x1", Hidden: true})
			}
		}
		h.s.Reconfig(p, &mine, false, 5*time.Second, func(*Error) {})
		return
	}
}

// live lets one history happen: some runs of the tool there and back, each of which may be killed, and a last one in
// either direction once all is well again.
func (h *history) live() string {
	for range h.rng.IntN(4) {
		h.harm()
	}
	out, why := h.tool.members(true, 5*time.Minute)
	back := false
	for range h.rng.IntN(4) {
		if out == stopped && why == "" {
			h.fatal("it stops and says nothing")
		}
		h.tool.commands = 1 + h.rng.IntN(12)
		if h.rng.IntN(3) == 0 {
			h.harm()
		}
		back = h.rng.IntN(3) == 0
		out, why = h.run(back, 3*time.Minute)
		h.s.Run(time.Duration(h.rng.Int64N(int64(5 * time.Second))))
	}
	h.tool.commands = -1
	h.s.Until(2*time.Minute, func() bool { return h.trouble == 0 })
	if out, why = h.tool.members(true, 3*time.Minute); out == arrived || h.tool.joined() {
		back = h.rng.IntN(2) == 0
		for range 3 { // people run it again
			if out, why = h.run(back, 4*time.Minute); out == arrived {
				break
			}
		}
	}
	if out == arrived && back {
		out, why = h.tool.members(false, 3*time.Minute)
	}
	return h.end(out, back, why)
}

func TestHistoriesEndDoneOrBackOrStoppedWithWords(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(800)) // each history is little, and gone at its end
	ends := map[string]int{}
	var passed time.Duration
	acked, splits := 0, 0
	for i := range *histories {
		h := begin(t, *seed+uint64(i))
		ends[h.live()]++
		passed += h.s.Now()
		acked += len(h.s.Acked())
		splits += h.splits
	}
	t.Logf("%d histories from seed %d, %s each: %v; %d whole directions, each with one even split; %d majority writes", *histories, *seed,
		passed/time.Duration(*histories), ends, splits, acked)
	fair := ends[done]+ends[cameBack] > *histories/2 && ends[done] > *histories/10 && ends[cameBack] > *histories/10 && ends[stoppedWithWords] > 0
	if *histories >= 1000 && (!fair || splits < *histories/2 || acked < 10**histories) {
		t.Error("that is no fair sample")
	}
}
