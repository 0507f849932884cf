package members

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"cutover.dev/cutover/pkg/fault"
	"cutover.dev/cutover/pkg/phase"
	"cutover.dev/cutover/pkg/phase/parts"
	"cutover.dev/cutover/pkg/replset"
)

// Gate makes a proof of a question that is asked until within is over. An error with code fault.Refused is a no that waiting does not
// change, errNotYet one that it may, any other "could not tell".
func Gate(id, title string, within parts.Knob, ask func(context.Context) (string, error)) phase.Step {
	return phase.Step{ID: id, Title: title, Limit: within.Limit, Knob: within.Name, Observe: func(ctx context.Context) (phase.Observation, error) {
		yes, err := ask(ctx)
		switch err = Told(err); {
		case err == nil:
			return phase.Observation{State: phase.Done, Detail: yes}, nil
		case errors.Is(err, errNotYet):
			return phase.Observation{State: phase.Settling, Detail: strings.TrimPrefix(err.Error(), errNotYet.Error()+": ")}, nil
		case fault.CodeOf(err) == fault.Refused:
			detail := err.Error()
			if hints := fault.Hints(err); len(hints) > 0 {
				detail += " (" + strings.Join(hints, "; ") + ")"
			}
			return phase.Observation{State: phase.Failed, Detail: detail}, nil
		}
		return phase.Observation{}, err
	}}
}

var errNotYet = errors.New("not yet")

// NotYet is a no that may become a yes.
func NotYet(format string, args ...any) error {
	return fmt.Errorf("%w: %s", errNotYet, fmt.Sprintf(format, args...))
}

// Healthy asks whether some members are well: each answers at once, is PRIMARY or SECONDARY, hears every other one of them, and the
// configuration is in force. One that hangs is named apart: it makes every change of the configuration last 12 seconds.
func Healthy(d Deps, which func(host string) bool) phase.Step {
	return Gate("prove:members-well", "see that every member of the replica set is well", Step(d.Plan), func(ctx context.Context) (string, error) {
		v, err := See(ctx, d)
		if err != nil {
			return "", err
		}
		if why := ill(v, which); why != "" {
			return "", NotYet("%s", why)
		}
		return fmt.Sprintf("%d members, primary %s, %s", len(v.Members), v.Primary, v.Config), nil
	})
}

func ill(v replset.View, which func(string) bool) string {
	if v.Primary == "" {
		return replset.ErrNoPrimary.Error()
	}
	for _, m := range v.Members {
		if !which(m.Host) {
			continue
		}
		switch {
		case replset.Hangs(m.HelloErr):
			return m.Host + " hangs: it takes connections and answers nothing. Every change of the configuration would wait for it; restart it"
		case m.HelloErr != nil:
			return m.Host + " does not answer: " + m.HelloErr.Error()
		case m.StatusErr != nil:
			return m.Host + " does not say how it is: " + m.StatusErr.Error()
		case !slices.Contains([]string{"PRIMARY", "SECONDARY", "ARBITER"}, m.Status.State):
			return m.Host + " is " + m.Status.State
		case m.Status.TooOld:
			return m.Host + " is too far behind to catch up; it needs a new initial sync"
		}
	}
	for _, m := range v.Members { // after what each says of itself, which tells more
		if !which(m.Host) {
			continue
		}
		for _, p := range m.Status.Peers {
			if why := p.Ill(); why != "" && !p.Self && which(p.Host) {
				return m.Host + " sees " + p.Host + " as " + why
			}
		}
	}
	return v.Unsettled()
}

// Close asks whether some members are less behind than the plan allows, measured now.
func Close(d Deps, id string, which func(replset.Member) bool) phase.Step {
	return Gate(id, "see that the members that take over have all writes", Step(d.Plan), func(ctx context.Context) (string, error) {
		v, err := See(ctx, d)
		if err != nil {
			return "", err
		}
		if v.Primary == "" {
			return "", NotYet("%s", replset.ErrNoPrimary)
		}
		var hosts []string
		for _, m := range v.Members {
			if which(m.Member) && m.Host != v.Primary {
				hosts = append(hosts, m.Host)
			}
		}
		if len(hosts) == 0 {
			return "the primary is one of them", nil
		}
		return near(ctx, d, v, hosts)
	})
}

// near measures the lag of members.
func near(ctx context.Context, d Deps, v replset.View, hosts []string) (string, error) {
	most := MaxLag(d.Plan)
	if err := d.Mongo.Note(ctx, v.Primary, "lag"); err != nil {
		return "", err
	}
	lag, err := d.Mongo.Lag(ctx, v.Primary, hosts, most)
	if err != nil {
		return "", err
	}
	if behind := over(lag, most); behind != "" {
		return "", NotYet("%s (mongodb.maxLag is %s)", behind, most)
	}
	longest := time.Duration(0)
	for _, l := range lag {
		longest = max(longest, l)
	}
	return fmt.Sprintf("%d members are at most %s behind", len(hosts), longest.Round(time.Millisecond)), nil
}

// Near is Close for one member, as an answer.
func Near(ctx context.Context, d Deps, host string) (string, error) {
	v, err := See(ctx, d)
	switch {
	case err != nil:
		return "", err
	case v.Primary == "":
		return "", NotYet("%s", replset.ErrNoPrimary)
	case v.Primary == host:
		return host + " is the primary", nil
	}
	return near(ctx, d, v, []string{host})
}

// IsNotYet reports whether a no may become a yes.
func IsNotYet(err error) bool { return errors.Is(err, errNotYet) }
