package migrate

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"cutover.dev/cutover/pkg/fault"
	"cutover.dev/cutover/pkg/phase"
	"cutover.dev/cutover/pkg/probe"
)

// More time is offered unless no time cures what is seen: an image that cannot be pulled, or a quota, is waited for in vain; a node
// that an autoscaler brings is not.
func TestWhatIsNotReadySaysWhereToLookAndWhenMoreTimeHelps(t *testing.T) {
	const pods = "look in new: kubectl -n shop describe pods -l app=api; kubectl -n shop logs -l app=api --all-containers"
	const made = "look in new: kubectl -n shop get events --field-selector type=Warning; kubectl -n shop describe deployment/api"
	const longer = "; where they only need longer, raise windows.ready"
	for name, c := range map[string]struct {
		facts []string
		want  string
	}{
		"no pod, by a quota":  {[]string{"there is no pod with app=api in namespace shop of new", "event at 03:04:05 about ReplicaSet api-7d9f: FailedCreate: exceeded quota"}, made},
		"no pod yet":          {[]string{"there is no pod with app=api in namespace shop of new"}, made + longer},
		"not yet available":   {nil, made + longer},
		"no image":            {[]string{"pod api-7d9f-x: container app waits: ImagePullBackOff , 0 restarts", "event at 03:04:05 about Pod api-7d9f-x: Failed: it runs and is not ready"}, pods},
		"no image at first":   {[]string{"pod api-7d9f-x: container app waits: ErrImagePull not found, 0 restarts"}, pods},
		"no such name":        {[]string{"pod api-7d9f-x: container app waits: InvalidImageName , 0 restarts"}, pods},
		"crashes":             {[]string{"pod api-7d9f-x: container app waits: CrashLoopBackOff back-off, 3 restarts, ended before: Error, exit code 1"}, pods},
		"no settings":         {[]string{"pod api-7d9f-x: container app waits: CreateContainerConfigError no secret, 0 restarts"}, pods},
		"no command":          {[]string{"pod api-7d9f-x: container app waits: CreateContainerError no command, 0 restarts"}, pods},
		"no node yet":         {[]string{"pod api-7d9f-x: not scheduled: 0/3 nodes are available"}, pods + longer},
		"never ready":         {[]string{"pod api-7d9f-x: container app runs and is not ready, 0 restarts"}, pods + longer},
		"still creating":      {[]string{"pod api-7d9f-x: container app waits: ContainerCreating , 0 restarts"}, pods + longer},
		"an old FailedCreate": {[]string{"pod api-7d9f-x: Pending", "event at 03:04:05 about ReplicaSet api-7d9f: FailedCreate: a webhook was away"}, pods + longer},
	} {
		if got := whyNotReady(phase.New, api, map[string]string{"app": "api"}, c.facts); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// What more time does not cure says what to look at: the engine leaves the window out then.
func TestAProofThatNewAnswersBadlySaysWhereToLook(t *testing.T) {
	m, u, _, _ := arrived(t, http.NotFound)
	keeper := m.controls(u)[0].Label()
	known := map[string]probe.Normal{"shop.test/api": {Median: 40 * time.Millisecond}}
	bad := func(s probe.Sample) *probe.Ledger {
		return &probe.Ledger{Sent: 5, Good: 4, Wrong: 1, Bad: []probe.Sample{s}}
	}
	lost := bad(probe.Sample{Target: "shop.test/api", Class: "refused"})
	lost.Wrong, lost.Lost = 0, 1
	for name, c := range map[string]struct {
		l     *probe.Ledger
		state phase.State
		want  string
	}{
		"an error of the server": {bad(probe.Sample{Target: "shop.test/api", Class: probe.Answered, Status: 500}), phase.Pending, "kubectl -n shop logs deployment/api --all-containers"},
		"lost":                   {lost, phase.Failed, "kubectl -n shop logs deployment/api --all-containers"},
		"not swapped yet":        {bad(probe.Sample{Target: "shop.test/api", Class: probe.Answered, Status: 200, Via: "4f9c2a7e"}), phase.Pending, ""},
		"the control is down":    {bad(probe.Sample{Target: keeper, Class: probe.Answered, Status: 502}), phase.Pending, ""},
		"too slow":               {&probe.Ledger{Streak: 5, Targets: []probe.Tally{{Name: "shop.test/api", P50: 5 * time.Second}}}, phase.Settling, "kubectl -n shop top pods; kubectl -n shop logs deployment/api --all-containers; what it calls may be further away than from old; how much slower it may be is probe.latency"},
	} {
		o := m.proved(u, c.l, known)
		if hints := strings.Join(o.Hints, "\n"); o.State != c.state || !strings.HasSuffix(hints, c.want) || c.want == "" && hints != "" {
			t.Errorf("%s: %s %s, hints %q, want %q", name, o.State, o.Detail, hints, c.want)
		}
	}
}

func TestTheWatchSaysWhereToLook(t *testing.T) {
	m, u, past, turn := arrived(t, http.NotFound)
	turn.Store(true)
	ctx, cancel := context.WithCancelCause(t.Context())
	m.patrol(ctx, u, past, cancel)
	for name, hints := range map[string][]string{
		"by its requests": fault.Hints(context.Cause(ctx)), "in its window": see(t, m.observeWindow(u, past), phase.Failed).Hints,
	} {
		want := "look in new: kubectl -n shop get pods -o wide; kubectl -n shop get events --sort-by=.lastTimestamp; kubectl -n shop logs deployment/api --all-containers"
		if !slices.Equal(hints, []string{want}) {
			t.Errorf("%s: hints %q", name, hints)
		}
	}
}
