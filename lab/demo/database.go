package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"cutover.dev/cutover/lab/mongo"
	"cutover.dev/cutover/lab/writes"
)

// stepdown is the phase that moves the primary.
const stepdown = "stepdown"

// A write of a majority costs the six members 30 ms of a processor together, and there are two of them. So clients write
// often only while the primary moves: the gap is measured then, no finer than they pause.
const (
	often  = 50 * time.Millisecond
	seldom = 200 * time.Millisecond
)

// database is what became of the replica set and of its clients.
type database struct {
	writes.Result
	// Moves: the plan moves the primary. Primary is which host it was at the end.
	Moves   bool   `json:"moves"`
	Primary string `json:"primary"`
	// Members are the hosts in the set's configuration at the end.
	Members []string `json:"members"`
	// Handovers are the moves of the primary that the members' logs tell of.
	Handovers []handover `json:"handovers"`
	// AtStepdown is the part of GapMs that falls into the phase of that name; the rest of a run has pauses of its own.
	AtStepdown *writes.Gaps `json:"atStepdown,omitempty"`
}

type handover struct {
	From string `json:"from"`
	To   string `json:"to"`
	Ms   int64  `json:"ms"` // in which no member took writes
}

// stepped keeps the gaps of the act that moved the primary.
func (b *database) stepped(a act, g writes.Gaps) {
	if a.Do == apply {
		b.AtStepdown = &g
	}
}

// database ends the clients of the replica set and puts what became of them into the report.
func (d *demo) database(ctx context.Context) error {
	b := &d.report.Database
	result, err := d.writes.Stop(context.WithoutCancel(ctx))
	if b.Result = result; err != nil {
		return err
	}
	moves, err := mongo.Handovers(d.world, d.report.At)
	if err != nil {
		return err
	}
	b.Handovers = []handover{}
	for _, h := range moves {
		b.Handovers = append(b.Handovers, handover{h.From, h.To, h.Gap().Milliseconds()})
		b.GapMs.Server = max(b.GapMs.Server, h.Gap().Milliseconds())
	}
	if b.AtStepdown != nil {
		b.AtStepdown.Server = b.GapMs.Server
	}
	primary, err := mongo.Primary(context.WithoutCancel(ctx))
	if err != nil {
		return fmt.Errorf("ask for the primary at the end: %w", err)
	}
	b.Primary = primary.Cluster.Name + " " + primary.Host()
	config, err := mongo.Configuration(context.WithoutCancel(ctx), d.world)
	b.Members = config.Hosts()
	return err
}

// problems is the verdict on the database: nothing acknowledged is lost, who retries sees no failure, and the primary moved
// if it was to move, once.
func (b *database) problems() []string {
	var out []string
	if b.Lost > 0 {
		out = append(out, fmt.Sprintf("%d of %d acknowledged writes were lost", b.Lost, b.Writes))
	}
	if b.Writes == 0 {
		out = append(out, "no write was acknowledged")
	}
	if b.FailedRetryable > 0 {
		out = append(out, fmt.Sprintf("%d writes failed although their client retries", b.FailedRetryable))
	}
	if b.Unseen > 0 {
		out = append(out, fmt.Sprintf("%d reads did not see what had been acknowledged", b.Unseen))
	}
	if moved := strings.HasPrefix(b.Primary, "new "); moved != b.Moves {
		out = append(out, fmt.Sprintf("the primary at the end is %q", b.Primary))
	}
	if want := map[bool]int{true: 1}[b.Moves]; len(b.Handovers) != want {
		out = append(out, fmt.Sprintf("the primary moved %d times, not %d", len(b.Handovers), want))
	}
	return append(out, b.strangers()...)
}

// figures are the counters, named as a person would.
func (b *database) figures() [][2]string {
	out := [][2]string{
		{"writes acknowledged by a majority", fmt.Sprint(b.Writes)},
		{"acknowledged writes lost", fmt.Sprint(b.Lost)},
		{"writes failed (client retries / does not)", fmt.Sprintf("%d / %d", b.FailedRetryable, b.Failed-b.FailedRetryable)},
		{"longest write gap (client retries / does not)", fmt.Sprintf("%d ms / %d ms", b.GapMs.Retryable, b.GapMs.Plain)},
	}
	if b.AtStepdown != nil {
		out = append(out, [2]string{
			"of these while the primary moved",
			fmt.Sprintf("%d ms / %d ms; no primary for %d ms (hello), %d ms (their logs)", b.AtStepdown.Retryable, b.AtStepdown.Plain, b.AtStepdown.Hello, b.AtStepdown.Server),
		})
	}
	if !b.Moves {
		return append(out, [2]string{"the replica set", "stayed in old: the plan has no mongodb"})
	}
	return append(out, [2]string{"primary at the end", b.Primary})
}

func (b *database) markdown() string { return table("replica set", b.figures()) }
