package cleanup

import (
	"context"
	"slices"
	"strings"

	"cutover.dev/cutover/pkg/ingress"
	"cutover.dev/cutover/pkg/kube"
	"cutover.dev/cutover/pkg/phase"
	"cutover.dev/cutover/pkg/phase/parts"
)

// withoutSwitches adds to judge that no annotation is left that switches external-dns off: what is not wanted any more is
// no difference to an object step, and here its absence is the whole point.
func withoutSwitches(d Deps, ns, name string, want map[string]string,
	judge func(context.Context) (phase.Observation, error),
) func(context.Context) (phase.Observation, error) {
	return func(ctx context.Context) (phase.Observation, error) {
		o, err := judge(ctx)
		if err != nil || o.State != phase.Done {
			return o, err
		}
		live, err := parts.Live(ctx, d.New, kube.Ingress, ns, name)
		if err != nil || live == nil {
			return phase.Observation{State: phase.Pending, Detail: "absent"}, err
		}
		var left []string
		for key, value := range live.GetAnnotations() {
			if value == ingress.Disabled && want[key] != ingress.Disabled {
				left = append(left, key)
			}
		}
		if len(left) == 0 {
			return o, nil
		}
		slices.Sort(left)
		diff := strings.Builder{}
		for _, key := range left {
			diff.WriteString("- metadata.annotations[" + key + "]\n")
		}
		return phase.Observation{State: phase.Pending, Detail: "still switched off by " + strings.Join(left, ", "), Diff: diff.String()}, nil
	}
}
