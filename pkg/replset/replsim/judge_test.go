package replsim

import (
	"fmt"
	"strings"
	"time"
)

// How a history may end.
const (
	done             = "done"
	cameBack         = "came back"
	stoppedWithWords = "stopped, and a person told what to do"
)

// installed judges every configuration that the set ever gets.
func (h *history) installed(host string, was, is *Config) {
	votes, can, changed := map[bool]int{}, map[bool]bool{}, 0
	for i := range was.Members {
		if m := &was.Members[i]; is.find(m.Host) == nil {
			changed += m.Votes
		}
	}
	for i := range is.Members {
		m := &is.Members[i]
		isNew := strings.HasPrefix(m.Host, "n")
		votes[isNew] += m.Votes
		can[isNew] = can[isNew] || m.electable()
		before := 0
		if b := was.find(m.Host); b != nil {
			before = b.Votes
		}
		changed += before ^ m.Votes
	}
	o, n := votes[false], votes[true]
	if is.voters() > 7 || changed > 1 {
		h.fatal("%s installs %d voters, %d votes changed", host, is.voters(), changed)
	}
	if o != n && !can[n > o] {
		h.fatal("%s installs a configuration whose majority can elect nobody: %v", host, is.Members)
	}
}

// run is one process: it gets there, or is killed after so many commands, or says why it stops.
func (h *history) run(back bool, limit time.Duration) (outcome, string) {
	out, why := h.tool.run(back, limit)
	h.said = append(h.said, fmt.Sprint(h.s.Now(), " back ", back, ": ", out, " ", why))
	if out == stopped && why == "" || out == killed && h.tool.commands != 0 {
		h.fatal("a run ends, and says nothing: %d", out)
	}
	h.split(out)
	return out, why
}

// split wants a run to have met at most one even split in its direction, and one that came from one end to the other, however many
// processes that took, exactly one.
func (h *history) split(out outcome) {
	t := &h.tool.trail
	switch {
	case t.evens > 1:
		h.fatal("%d even splits in one direction", t.evens)
	case out != arrived || !t.whole:
	case t.evens != 1:
		h.fatal("from one end to the other there were %d even splits", t.evens)
	default:
		t.whole = false // it is counted
		h.splits++
	}
}

// end judges how a history ended, and names it: what was acknowledged by a majority is there, whatever became of the move, and where
// nobody says so now it is once a person has mended what is broken.
func (h *history) end(out outcome, back bool, why string) string {
	if b := h.s.Broken(); len(b) > 0 {
		h.fatal("%s", strings.Join(b, "\n"))
	}
	switch {
	case out == arrived:
		h.judge(back)
		h.mended()
		if back {
			return cameBack
		}
		return done
	case out == stopped && why == "":
		h.fatal("it stops and says nothing")
	case out == stopped && !h.forever && !h.stranger:
		h.fatal("all is well, and it stops: %q", why)
	case out != stopped:
		h.fatal("it has no end that has a name: %d", out)
	}
	h.mended()
	return stoppedWithWords
}

// judge looks at an end that the tool calls one: where the primary is, and what the configuration is.
func (h *history) judge(back bool) {
	v, ok := h.tool.look()
	if !ok {
		h.s.Run(40 * time.Second)
		if v, ok = h.tool.look(); !ok {
			h.fatal("no primary at the end")
		}
	}
	c, _, err := h.s.GetConfig(v.Primary, true)
	if err != nil {
		h.fatal("%v", err)
	}
	if isNew := v.Primary[0] == 'n'; isNew == back {
		h.fatal("%s is primary at the end", v.Primary)
	}
	if back && !same(c, h.tool.goal.First) {
		h.fatal("the first configuration is not back: %v", c.Members)
	}
	h.there(v.Primary)
}

// mended mends all that is broken, and wants the set to have a primary then, with every write that a majority had.
func (h *history) mended() {
	for _, a := range h.hosts {
		for _, b := range h.hosts {
			h.s.Cut(a, b, false)
		}
		h.s.Pause(a, false)
		h.s.Stall(a, false)
		if !h.s.Up(a) {
			h.s.Restart(a)
		}
	}
	if !h.s.Until(5*time.Minute, func() bool { _, ok := h.tool.sees(); return ok }) {
		h.fatal("all is mended, and nobody is primary")
	}
	v, _ := h.tool.sees()
	h.there(v)
	if b := h.s.Broken(); len(b) > 0 {
		h.fatal("%s", strings.Join(b, "\n"))
	}
}

// there wants a primary to have what was acknowledged by a majority.
func (h *history) there(primary string) {
	for _, id := range h.s.Acked() {
		if !h.s.Has(primary, id) {
			h.fatal("write %d was acknowledged by a majority, and is lost", id)
		}
	}
}
