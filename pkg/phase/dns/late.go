package dns

import (
	"context"
	"fmt"
	"time"

	"cutover.dev/cutover/pkg/phase"
	"cutover.dev/cutover/pkg/phase/names"
)

// counting is how long that may hold up the swap, which it only goes along with.
const counting = 3 * time.Second

// count is what old's entry has counted by now, to be held against what it counts later. That it could not be read holds nothing
// up: who asks for the difference is told. Nil: the plan does not say where it counts.
func count(ctx context.Context, d Deps, s names.Scope) *names.Counted {
	if d.Plan.Spec.Entry.OldMetrics == nil {
		return nil
	}
	ctx, cancel := context.WithTimeoutCause(ctx, counting, fmt.Errorf("no answer within %s", counting))
	defer cancel()
	now, _ := names.CountLate(ctx, d, s)
	return &now
}

// recount replaces what was counted at the swap, once no cache can lead to old since end.
func recount(ctx context.Context, d Deps, past phase.Past, s names.Scope, end time.Time) map[string]any {
	key := names.LateFact + s.Zone.Name
	var first names.Counted
	if known, err := past.Fact(key, &first); err != nil || known && !first.At.Before(end) {
		return nil
	}
	now := count(ctx, d, s)
	if now == nil || now.At.IsZero() {
		return nil
	}
	return map[string]any{key: *now}
}
