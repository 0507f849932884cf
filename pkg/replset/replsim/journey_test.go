package replsim

import (
	"time"

	"cutover.dev/cutover/pkg/replset/path"
)

// journey is one run: a process, so to speak.
type journey struct {
	*tool
	way     *path.Way
	back    bool
	turned  string // why it went the other way, to be told at the end
	refused int    // step-downs that nobody could follow
	none    time.Duration
	even    time.Duration // since when votes are even, -1 = they are not
}

// trail is what is known of the way in one direction, over all processes that went there one after the other: it ends where one goes
// the other way.
type trail struct {
	back, whole bool // whole: it began at the end that the direction comes from
	begun, even bool // even: votes are, as far as a majority knows
	evens       int  // even splits
}

// pass takes down a position that a majority of the set is at.
func (t *trail) pass(back bool, at int, p path.Position) {
	if !t.begun || t.back != back {
		*t = trail{back: back, begun: true, whole: at <= 1}
	}
	even := p.Old == p.New // with one vote on the side that takes, the primary moves meanwhile
	if even && !t.even {
		t.evens++
	}
	t.even = even
}

// run goes one way to its end, turns round where it must, or stops with words for a person.
func (t *tool) run(back bool, limit time.Duration) (outcome, string) {
	j := &journey{tool: t, none: -1, even: -1}
	if err := j.head(back); err != nil {
		return stopped, err.Error()
	}
	for end := t.s.Now() + limit; t.s.Now() <= end; {
		if out, why, over := j.next(); over {
			return out, why
		}
	}
	return stopped, "not done in time; see what the members say, and run again"
}

// head goes on in that direction.
func (j *journey) head(back bool) (err error) {
	j.back = back
	j.way, err = j.tool.way(back)
	return err
}

// turn goes back to before the even split.
func (j *journey) turn(why string) (outcome, string, bool) {
	j.turned = why
	if err := j.head(!j.back); err != nil {
		return stopped, err.Error(), true
	}
	return 0, "", false
}

// next looks and makes at most one move; true = it is over.
func (j *journey) next() (outcome, string, bool) {
	v, ok := j.look()
	if !ok {
		return j.leaderless()
	}
	j.none = -1
	at, err := j.way.At(v.Live)
	if err != nil {
		return stopped, err.Error(), true
	}
	isEven := j.way.Positions()[at].Even
	if v.settled == "" { // one that may be lost with its primary does not count
		j.trail.pass(j.back, at, j.way.Positions()[at])
	}
	switch {
	case !isEven && j.turned != "" && at >= j.way.Over():
		return stopped, j.turned, true
	case !isEven:
		j.even = -1
	case j.even < 0:
		j.even = j.s.Now()
	case j.s.Now()-j.even > 15*time.Second && j.turned == "":
		return j.turn("the even split lasted too long, and was taken back")
	}
	m, err := j.way.Next(v.Live)
	gated := !isEven && j.turned == ""
	switch {
	case err != nil:
		return stopped, err.Error(), true
	case m.Do == path.Stay && v.settled == "":
		return arrived, "", true
	case v.settled != "" || m.Do == path.Stay, gated && (v.healthy != "" || v.lag > 3):
		j.s.Run(400 * time.Millisecond)
		return 0, "", false
	case m.Do == path.StepDown:
		return j.stepDown(v.Primary)
	}
	return killed, "", j.install(v.Primary, m) != nil
}

// leaderless waits for a primary, and helps one to be elected.
func (j *journey) leaderless() (outcome, string, bool) {
	if j.none < 0 {
		j.none = j.s.Now()
	}
	if j.s.Now()-j.none > 5*time.Second {
		j.thaw()
	}
	j.s.Run(500 * time.Millisecond)
	return stopped, "no primary for 90s: start enough members for a majority, or see the break-glass text", j.s.Now()-j.none > 90*time.Second
}

func (j *journey) thaw() {
	for _, h := range j.hosts() {
		_ = j.s.Freeze(h, 0)
	}
}

func (j *journey) stepDown(primary string) (outcome, string, bool) {
	j.thaw()
	answer, err := j.send("step down "+primary, 10*time.Second, func(limit time.Duration, reply func(*Error)) {
		j.s.StepDown(primary, 120*time.Second, 3*time.Second, false, limit, reply)
	})
	if err != nil {
		return killed, "", true
	}
	if answer != nil && answer.Code == 262 {
		if j.refused++; j.refused == 3 && j.turned == "" {
			return j.turn("no member that takes over caught up in three attempts, and it was taken back")
		}
	}
	return 0, "", false
}
