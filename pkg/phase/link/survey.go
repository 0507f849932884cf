package link

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"cutover.dev/cutover/pkg/fault"
	"cutover.dev/cutover/pkg/phase"
	"cutover.dev/cutover/pkg/phase/parts"
	"cutover.dev/cutover/pkg/reach"
)

// fresh is how long one look serves all steps: each of them asks, and what one sees belongs to what the others see.
const fresh = 2 * time.Second

// survey looks at all paths at once.
type survey struct {
	d      Deps
	paths  []Path
	within parts.Knob

	turn chan struct{} // held by who looks
	seen *table
}

func newSurvey(d Deps) *survey {
	return &survey{d: d, paths: Paths(d.Plan, secure(d.Inventory)), within: parts.Routes(d.Plan).Plus(longest), turn: make(chan struct{}, 1)}
}

// table is all that was seen at one time.
type table struct {
	at       time.Time
	rows     map[string][]Row // by step
	old, new Ranges
	unknown  error  // why the ranges of a side are not known
	oneWay   string // in words, where nothing passes in one of the two directions
}

// look is the table, at most fresh old.
func (s *survey) look(ctx context.Context) (*table, error) {
	select {
	case s.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	defer func() { <-s.turn }()
	if s.seen != nil && time.Since(s.seen.at) < fresh {
		return s.seen, nil
	}
	t := s.survey(ctx)
	if ctx.Err() != nil { // who was cut off says nothing about the paths
		return nil, context.Cause(ctx)
	}
	t.at, s.seen = time.Now(), t
	return t, nil
}

func (s *survey) survey(ctx context.Context) *table {
	t := &table{rows: map[string][]Row{}}
	var group sync.WaitGroup
	var mu sync.Mutex
	put := func(id string, rows ...Row) {
		mu.Lock()
		defer mu.Unlock()
		t.rows[id] = append(t.rows[id], rows...)
	}
	var errs [2]error
	group.Go(func() { t.old, errs[0] = rangesOf(ctx, s.d.Old) })
	group.Go(func() { t.new, errs[1] = rangesOf(ctx, s.d.New) })
	var toNew []Path
	for _, p := range s.paths {
		if p.What == NewMembers {
			toNew = append(toNew, p)
			continue
		}
		group.Go(func() { put(p.ID(), dial(ctx, s.dialer(p.From), p, s.host())) })
	}
	if s.d.Plan.Spec.MongoDB != nil {
		group.Go(func() {
			for _, r := range s.toMembers(ctx, phase.Old, toNew) {
				put(r.ID(), r)
			}
		})
		group.Go(func() {
			paths, err := s.oldMembers(ctx)
			put(oldMembersID, s.toMembers(ctx, phase.New, paths)...)
			if err != nil {
				put(oldMembersID, Row{Path: Path{What: OldMembers, From: phase.New, To: "the replica set"}}.unsure(err))
			}
		})
	}
	group.Wait()
	t.unknown = errors.Join(errs[:]...)
	t.conclude()
	return t
}

func (s *survey) dialer(from string) reach.Dialer {
	if from == Here {
		from = ""
	}
	return s.d.Reach.From(from)
}

// host is one that no Ingress serves.
func (s *survey) host() string { return "link." + s.d.Name() + ".cutover.internal" }

// conclude says of each path what only all of them and the ranges together show.
func (t *table) conclude() {
	var all, sets []Row
	for _, id := range slices.Sorted(maps.Keys(t.rows)) {
		for i := range t.rows[id] {
			r := &t.rows[id][i]
			from := map[string]Ranges{phase.Old: t.old, phase.New: t.new}[r.From]
			if taken := from.own(r.Addresses); taken != "" && crosses(r.Path) && r.State != Unsure {
				r.State, r.Why = Inside, taken+", so what "+r.From+" sends there need not leave it"
			}
			switch {
			case r.some || !slices.Contains([]string{TimedOut, Refused, NoRoute, NoUDP}, r.State): // no rule would help
			case r.Holds():
				r.IfRejected = rule(*r, from)
			default:
				r.Rule = rule(*r, from)
			}
			if crosses(r.Path) {
				all = append(all, *r)
			}
			if r.What == OldMembers || r.What == NewMembers {
				sets = append(sets, *r)
			}
		}
	}
	t.oneWay = cmp.Or(oneWay(all, "the link"), oneWay(sets, "the way between the members"))
}

// crosses: the path leads to the other side.
func crosses(p Path) bool {
	home := map[string]string{Bridge: phase.Old, EntryOld: phase.Old, OldMembers: phase.Old, Tail: phase.New, EntryNew: phase.New, NewMembers: phase.New}[p.What]
	return home != "" && p.From != Here && p.From != home
}

// judge is what a step saw of its paths.
func (t *table) judge(id string) (phase.Observation, error) {
	rows := t.rows[id]
	if len(rows) == 0 {
		return phase.Observation{State: phase.Failed, Detail: "there is no path to look at: no evidence"}, nil
	}
	o := phase.Observation{State: phase.Done, Facts: map[string]any{PathFact + strings.TrimPrefix(id, "prove:path/"): rows}}
	var words []string
	var errs []error
	for _, r := range rows {
		words = append(words, r.String())
		switch {
		case r.State == Unsure && fault.CodeOf(r.err) != fault.Refused:
			errs = append(errs, fmt.Errorf("%s: %w", r.To, r.err))
		case !r.Holds(): // a no outweighs what could not be told
			o.State = phase.Failed
		}
	}
	if o.State == phase.Failed && t.oneWay != "" {
		words, o.Facts[OneWayFact] = append(words, t.oneWay), t.oneWay
	}
	if o.Detail = strings.Join(words, "; "); o.State == phase.Failed {
		return o, nil
	}
	return o, errors.Join(errs...)
}
