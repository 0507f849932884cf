package cli

import (
	"context"
	"math"
	"slices"
	"time"

	"cutover.dev/cutover/pkg/journal"
	"cutover.dev/cutover/pkg/phase/cleanup"
	"cutover.dev/cutover/pkg/phase/names"
	"cutover.dev/cutover/pkg/plan"
	"cutover.dev/cutover/pkg/report"
)

// counting is how long it may take to find out who still comes to old's entry, where that is what somebody asked for: a relay
// may have to be made first.
const counting = 30 * time.Second

// residual says what came to old's entry since names lead to new, or why that could not be counted. It is a help, as served is:
// a run that was asked to stop does not wait for it. Once old's Ingresses go, so do their counters.
func (s *session) residual(ctx context.Context, within time.Duration) (all []report.Late, uncounted string) {
	if s.call.flags.BreakGlass != "" || len(s.plan.Spec.DNS.Zones) == 0 || ctx.Err() != nil {
		return nil, ""
	}
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	log, err := journal.Open(ctx, s.store, s.run) // this run may have swapped them
	if err != nil {
		return nil, err.Error()
	}
	if !swapped(s.plan, log) || log.Phase(cleanup.Name).Finished || dismantled(log) {
		return nil, ""
	}
	if _, err := s.known(ctx); err != nil {
		return nil, err.Error()
	}
	late, err := names.Residual(ctx, s.deps(), log)
	if err != nil {
		return nil, err.Error()
	}
	for _, l := range late {
		all = append(all, report.Late{Hosts: l.Hosts, Requests: int64(math.Round(l.Requests)), Since: l.Since, Unsure: l.Why})
	}
	return all, ""
}

// swapped says whether the names of a zone were seen to lead to new, and not back since.
func swapped(p *plan.Plan, log *journal.Log) bool {
	return slices.ContainsFunc(p.Spec.DNS.Zones, func(z plan.Zone) bool {
		var at time.Time
		known, err := log.Fact(names.SwappedFact+z.Name, &at)
		return err == nil && known && !at.IsZero()
	})
}
