package members

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"cutover.dev/cutover/pkg/fault"
	"cutover.dev/cutover/pkg/replset"
	"cutover.dev/cutover/pkg/replset/path"
)

// How long the parts of a hand-over may take.
const (
	handOvers   = 3                // attempts, each with a fresh look at the lag
	leaderless  = 5 * time.Second  // without a primary for that long, the old one may stand again too
	alarm       = 30 * time.Second // without a primary for that long, a person has to know
	warmUp      = 3 * time.Second  // of the probes
	writesAgain = 10 * time.Second // after the new primary accepts writes, until the probes' writes get through
	catchingUp  = 10 * time.Second // until the lag is small enough for another attempt
)

// errStays says that the giving side kept the primary, and goes on with it.
var errStays = errors.New("the primary stays where it is")

// handOver moves the primary of the set, and measures for how long nobody could write.
func (r *Road) handOver(ctx context.Context, i int) error {
	return r.move(ctx, r.ahead, func(gap replset.Gap) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.gap[i] = gap
	})
}

// move lets the primary step down until one of the side that takes is primary. Nothing is ever forced, and after every attempt it is
// looked at what became of it before anything else is decided.
func (r *Road) move(ctx context.Context, way leg, measured func(replset.Gap)) error {
	var last error
	for range handOvers {
		v, err := See(ctx, r.Deps)
		if err != nil {
			return err
		}
		m, err := way.Next(v.Live())
		switch {
		case err != nil:
			return refuse(err)
		case m.Do != path.StepDown:
			return nil // it has moved
		}
		if last = r.ready(ctx, v, way); last != nil {
			continue
		}
		if last = r.once(ctx, v, way, measured); last == nil || !errors.Is(last, errStays) {
			return last
		}
	}
	if r.elected(ctx, way) {
		return nil
	}
	return fault.Wrap(fault.Refused, "see why its side lags; the votes go back, so that writes need only the side that has the primary",
		fmt.Errorf("the primary did not move in %d attempts: %w", handOvers, last))
}

// elected looks once more after the last attempt: behind a link that is cut the side that takes elects somebody by itself, who takes
// no writes until it has given up hearing the others.
func (r *Road) elected(ctx context.Context, way leg) bool {
	for end := time.Now().Add(alarm); time.Now().Before(end); {
		v, err := See(ctx, r.Deps)
		if err != nil {
			return false
		}
		if way.takes(v.Primary) {
			return true
		}
		if !slices.ContainsFunc(v.Members, func(m replset.Seen) bool { return way.takes(m.Host) && m.Status.State == "PRIMARY" }) {
			return false
		}
		if replset.Pause(ctx) != nil {
			return false
		}
	}
	return false
}

// ready: somebody of the side that takes has all writes, and nobody there is told not to stand.
func (r *Road) ready(ctx context.Context, v replset.View, way leg) error {
	takes := r.takers(v, way)
	if len(takes) == 0 {
		return fmt.Errorf("%w: no member of the other side can be primary", errStays)
	}
	for _, host := range takes {
		if err := r.Mongo.Thaw(ctx, host); err != nil && ctx.Err() != nil {
			return err
		}
	}
	var behind string
	for end := time.Now().Add(catchingUp); time.Now().Before(end); {
		if err := r.Mongo.Note(ctx, v.Primary, "lag before the primary moves"); err != nil {
			return fmt.Errorf("%w: %w", errStays, err)
		}
		lag, err := r.Mongo.Lag(ctx, v.Primary, takes, MaxLag(r.Plan))
		if err == nil {
			if behind = over(lag, MaxLag(r.Plan)); behind == "" {
				return nil
			}
		} else {
			behind = err.Error()
		}
		if err := replset.Pause(ctx); err != nil {
			return err
		}
	}
	return fmt.Errorf("%w: %s", errStays, behind)
}

// takers are the members that may win.
func (r *Road) takers(v replset.View, way leg) []string {
	var hosts []string
	for _, m := range v.Members {
		if m.Votes > 0 && m.Priority > 0 && m.Host != v.Primary && way.takes(m.Host) {
			hosts = append(hosts, m.Host)
		}
	}
	return hosts
}

// over names who is too far behind, "" for nobody.
func over(lag map[string]time.Duration, most time.Duration) string {
	var behind []string
	for host, d := range lag {
		if d >= most {
			behind = append(behind, fmt.Sprintf("%s is %s or more behind", host, d.Round(10*time.Millisecond)))
		}
	}
	return strings.Join(behind, ", ")
}

// once is one attempt. errStays: the same side has the primary as before.
func (r *Road) once(ctx context.Context, v replset.View, way leg, measured func(replset.Gap)) error {
	var meter *replset.Meter
	if measured != nil {
		meter = r.Mongo.Measure(context.WithoutCancel(ctx), v, fmt.Sprintf("%s/%d", r.Name(), time.Now().UnixNano()))
		defer func() {
			if meter != nil {
				last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWords)
				defer cancel()
				_ = meter.Stop(last) // nothing moved: there is no gap to tell
			}
		}()
		meter.Ready(ctx, warmUp)
	}
	if err := ctx.Err(); err != nil {
		return context.Cause(ctx)
	}
	sent := r.Mongo.StepDown(ctx, v.Primary)
	if err := r.outcome(ctx, v, way, sent); err != nil {
		return err
	}
	if meter == nil {
		return nil
	}
	meter.Settled(ctx, writesAgain)
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWords)
	defer cancel()
	measured(meter.Stop(last))
	meter = nil
	return nil
}

// lastWords is how long the counting of the probes' writes may take.
const lastWords = 8 * time.Second

// outcome looks who accepts writes after a step-down was sent, whatever it answered.
func (r *Road) outcome(ctx context.Context, before replset.View, way leg, sent error) error {
	began, thawed := time.Now(), false
	if replset.IsRights(sent) {
		return Told(sent)
	}
	for {
		primary := r.Mongo.Writable(ctx, before)
		since := time.Since(began)
		switch {
		case primary != "" && way.takes(primary):
			return nil
		case primary != "" && (sent != nil || since > leaderless):
			return fmt.Errorf("%w: %s accepts writes (%s)", errStays, primary, said(sent))
		case since > leaderless && !thawed:
			thawed = true
			_ = r.Mongo.Thaw(ctx, before.Primary) // it may be what hangs; then the others elect
		case since > alarm:
			return fmt.Errorf("no member of %s has accepted writes for %s (%s); %s", before.Config.Name(), since.Round(time.Second), said(sent), breakGlass)
		}
		if replset.Pause(ctx) != nil {
			return nil // it was sent, so this is no failure: whoever is elected, Observe will see
		}
	}
}

func said(err error) string {
	if err == nil {
		return "the step-down was answered well"
	}
	return err.Error()
}

// breakGlass is for a person. The tool itself never forces anything.
const breakGlass = "a majority of the voters has to see each other: bring the members or the link back, then a primary is elected by itself. Only if these are gone for good, " +
	"and only by hand: on a member that is left, rs.reconfig(<the members that are left>, {force: true}), which can lose acknowledged writes"
