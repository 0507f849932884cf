package join

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"cutover.dev/cutover/pkg/fault"
	"cutover.dev/cutover/pkg/phase"
	"cutover.dev/cutover/pkg/phase/members"
	"cutover.dev/cutover/pkg/phase/parts"
	"cutover.dev/cutover/pkg/replset"
	"cutover.dev/cutover/pkg/replset/path"
)

const (
	accepted   = 10 * time.Second // in that time the others have to hear a member that was added; else it goes again
	longestNap = time.Hour        // a job comes back at least that often while data is copied
	someNap    = 5 * time.Minute  // while it is not known how long it takes
	believed   = 15 * time.Second // of a copy that is watched for that long: at first the server takes minutes for what takes it seconds
)

// begunFact says since when a member copies its data: longer than one job, so it cannot be a variable.
const begunFact = "join.begun/"

// member is one new member on its way into the set.
type member struct {
	d    Deps
	past phase.Past
	host string

	mu     sync.Mutex
	copies time.Time // since when this process sees it copy
	near   time.Time // since when this process sees it keep up
}

func (m *member) step() phase.Step {
	settle := members.Settle(m.d.Plan)
	return phase.Step{
		ID: "join:" + m.host, Title: "let " + m.host + " join the replica set, hidden, without vote and priority", Limit: settle.Limit, Knob: settle.Name,
		Intent:  map[string]any{"host": m.host, "votes": 0, "priority": 0, "hidden": true},
		Touches: []phase.Object{members.Thing()},
		Observe: m.observe, Apply: m.apply, Revert: m.revert, Reverted: m.reverted,
	}
}

func (m *member) observe(ctx context.Context) (phase.Observation, error) {
	v, err := members.See(ctx, m.d)
	if err != nil {
		return phase.Observation{}, err
	}
	if _, in := v.Config.Member(m.host); !in {
		return phase.Observation{
			State: phase.Pending, Detail: "not in the set", Diff: "+ member " + m.host + ", votes 0, priority 0, hidden\n", Was: json.RawMessage(`{}`),
			Facts: map[string]any{begunFact + m.host: time.Now().UTC()},
		}, nil
	}
	switch bad, err := m.stranger(v); {
	case err != nil:
		return phase.Observation{}, err
	case bad != "": // an earlier process added it, and could not remove it again
		return phase.Observation{State: phase.Pending, Detail: "in the set, but " + bad, Was: json.RawMessage(`{}`)}, nil
	}
	seen, _ := v.Member(m.host)
	p, known := asSeen(v, m.host)
	switch state := p.State; {
	case v.Primary == "":
		return phase.Observation{State: phase.Settling, Detail: replset.ErrNoPrimary.Error()}, nil
	case !known || !p.Healthy:
		return phase.Observation{State: phase.Settling, Detail: m.host + " is seen as " + strings.TrimSpace(p.State+" "+p.Message)}, nil
	case state == "SECONDARY" || state == "PRIMARY":
		if why := v.Unsettled(); why != "" {
			return phase.Observation{State: phase.Settling, Detail: why}, nil
		}
		return phase.Observation{
			State: phase.Done, Detail: fmt.Sprintf("%s, copies from %s", state, seen.Status.Source()), Facts: map[string]any{joinedFact + m.host: seen.ID},
		}, nil
	}
	return m.copying(p, seen.Status.Sync)
}

// copying is what is seen of an initial sync. It may outlive the job.
func (m *member) copying(p replset.Peer, s *replset.Sync) (phase.Observation, error) {
	var begun time.Time
	if _, err := m.past.Fact(begunFact+m.host, &begun); err != nil {
		return phase.Observation{}, fmt.Errorf("read fact %s: %w", begunFact+m.host, err)
	}
	if limit := members.Settle(m.d.Plan); !begun.IsZero() && time.Since(begun) > limit.Limit {
		return phase.Observation{State: phase.Failed, Detail: fmt.Sprintf("%s is still %s after %s (raise %s)", m.host, p.State, limit.Limit, limit.Name)}, nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	if m.copies.IsZero() {
		m.copies = now
	}
	o := phase.Observation{State: phase.Settling, Detail: progress(m.host, p.State, s)}
	switch {
	case s != nil && s.Left > parts.InProcess && now.Sub(m.copies) >= believed:
		o.NotBefore = now.Add(min(s.Left, longestNap))
	case (s == nil || s.Left == 0) && now.Sub(m.copies) > parts.InProcess:
		o.NotBefore = now.Add(someNap)
	}
	return o, nil
}

func progress(host, state string, s *replset.Sync) string {
	text := host + " copies its data (" + state + ")"
	if s == nil || s.Total == 0 {
		return text
	}
	text += fmt.Sprintf(": %.1f of %.1f MiB", float64(s.Copied)/(1<<20), float64(s.Total)/(1<<20))
	if s.Left > 0 {
		text += fmt.Sprintf(", about %s to go", s.Left.Round(time.Second))
	}
	if s.Failed > 0 {
		text += fmt.Sprintf(", %d attempts failed", s.Failed)
	}
	return text
}

// apply adds the member and stays until the others heard it. One that they do not hear, or that turns out to be something else, is
// removed again at once: a name that hangs in lookup stalls elections for minutes.
func (m *member) apply(ctx context.Context) error {
	v, err := members.See(ctx, m.d)
	if err != nil {
		return err
	}
	if _, in := v.Config.Member(m.host); !in {
		if err := m.add(ctx, v); err != nil {
			return err
		}
	}
	return m.watch(ctx)
}

func (m *member) add(ctx context.Context, v replset.View) error {
	first, _, err := members.First(m.past)
	if err != nil {
		return err
	}
	used := max(first.MaxID(), m.oldID(ctx))
	for _, host := range m.d.Plan.Spec.MongoDB.New { // of one that somebody removed and wiped only the journal knows
		var id int64
		if known, err := m.past.Fact(joinedFact+host, &id); err != nil {
			return fmt.Errorf("read fact %s: %w", joinedFact+host, err)
		} else if known {
			used = max(used, id)
		}
	}
	move, err := path.Join(v.Config.Plan(), m.host, v.Primary, int(used))
	switch {
	case errors.Is(err, path.ErrNoPrimary):
		return fmt.Errorf("%w: %w", phase.ErrMoved, err)
	case err != nil:
		return fault.Wrap(fault.Refused, "", err)
	}
	want, err := v.Config.As(move.After)
	if err != nil {
		return err
	}
	return m.d.Mongo.Install(ctx, v.Config, want)
}

// oldID is the _id that a member had when it was in the set before: a removed one keeps its last configuration. It must not be
// used again.
func (m *member) oldID(ctx context.Context) int64 {
	c, _, err := m.d.Mongo.Node(m.host).Config(ctx, false)
	if err != nil {
		return -1
	}
	return c.MaxID()
}

func (m *member) watch(ctx context.Context) error {
	for began := time.Now(); ; {
		v, err := members.See(ctx, m.d)
		if err != nil {
			return err
		}
		p, _ := asSeen(v, m.host)
		bad, err := m.stranger(v)
		switch {
		case err != nil:
			return err
		case p.Healthy:
			return nil
		case bad != "" && (p.Unauthenticated || time.Since(began) > accepted):
			return m.expel(ctx, v, bad)
		case bad == "" && time.Since(began) > accepted:
			return nil // it was heard once: Observe goes on looking
		}
		if err := replset.Pause(ctx); err != nil {
			return err
		}
	}
}

// expel removes a member that was never one, and says why.
func (m *member) expel(ctx context.Context, v replset.View, why string) error {
	err := m.remove(ctx, v)
	refused := fault.New(fault.Refused, "put that right, then run the phase again", "%s was added and is removed again: %s", m.host, why)
	if err != nil {
		return errors.Join(refused, fmt.Errorf("it could not be removed: %w", err))
	}
	return refused
}

func (m *member) remove(ctx context.Context, v replset.View) error {
	move, err := path.Leave(v.Config.Plan(), m.host, v.Primary)
	switch {
	case errors.Is(err, path.ErrNoPrimary):
		return fmt.Errorf("%w: %w", phase.ErrMoved, err)
	case err != nil:
		return fault.Wrap(fault.Refused, "roll back stepdown first", err)
	case move.Do == path.Stay:
		return nil
	}
	want, err := v.Config.As(move.After)
	if err != nil {
		return err
	}
	if err := m.d.Mongo.Install(ctx, v.Config, want); err != nil {
		return err
	}
	m.forget(ctx, v)
	return nil
}

// forget lets the others drop their connections. That one cannot be told is no reason to fail: it ends them by itself after some
// minutes.
func (m *member) forget(ctx context.Context, v replset.View) {
	var others []string
	for _, o := range v.Members {
		if o.Host != m.host && o.HelloErr == nil {
			others = append(others, o.Host)
		}
	}
	_ = m.d.Mongo.Forget(ctx, others, m.host)
}

func (m *member) revert(ctx context.Context, _ json.RawMessage) error {
	v, err := members.See(ctx, m.d)
	if err != nil {
		return err
	}
	return m.remove(ctx, v)
}

func (m *member) reverted(ctx context.Context, _ json.RawMessage) (phase.Observation, error) {
	v, err := members.See(ctx, m.d)
	if err != nil {
		return phase.Observation{}, err
	}
	if _, in := v.Config.Member(m.host); in {
		return phase.Observation{State: phase.Pending, Detail: "in the set"}, nil
	}
	if why := v.Unsettled(); why != "" {
		return phase.Observation{State: phase.Settling, Detail: why}, nil
	}
	return phase.Observation{State: phase.Done, Detail: "not in the set"}, nil
}

// keepsUp is the proof that a member is not behind, for as long as the plan wants to see it.
func (m *member) keepsUp() phase.Step {
	window := members.LagWindow(m.d.Plan)
	return phase.Step{
		ID: "lag:" + m.host, Title: fmt.Sprintf("see that %s keeps up for %s", m.host, window.Limit), Limit: 10*window.Limit + members.Step(m.d.Plan).Limit, Knob: window.Name,
		Intent: map[string]any{"host": m.host, "window": window.Limit.String(), "most": members.MaxLag(m.d.Plan).String()},
		Observe: func(ctx context.Context) (phase.Observation, error) {
			said, err := members.Near(ctx, m.d, m.host)
			m.mu.Lock()
			defer m.mu.Unlock()
			if err != nil {
				m.near = time.Time{}
				if members.IsNotYet(err) {
					return phase.Observation{State: phase.Settling, Detail: err.Error()}, nil
				}
				return phase.Observation{}, members.Told(err)
			}
			now := time.Now()
			if m.near.IsZero() {
				m.near = now
			}
			if now.Sub(m.near) < window.Limit {
				return phase.Observation{State: phase.Settling, Detail: said + ", since " + now.Sub(m.near).Round(time.Second).String()}, nil
			}
			return phase.Observation{State: phase.Done, Detail: said}, nil
		},
	}
}
