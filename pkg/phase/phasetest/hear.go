package phasetest

import (
	"context"
	"testing"
	"time"

	"cutover.dev/cutover/pkg/engine"
	"cutover.dev/cutover/pkg/journal"
	"cutover.dev/cutover/pkg/phase"
)

// Hear is a sink that is told of every event, by the process that waits for it.
type Hear func(engine.Event)

// Emit is engine.Sink's.
func (h Hear) Emit(e engine.Event) { h(e) }

// Mortal applies a phase as one process of the tool, which dies once hear says so.
func Mortal(t testing.TB, store journal.Store, p phase.Phase, hear func(e engine.Event, die context.CancelFunc)) error {
	t.Helper()
	ctx, die := context.WithCancel(t.Context())
	defer die()
	sink := Hear(func(e engine.Event) { hear(e, die) })
	e := &engine.Engine{Store: store, Run: "test", Poll: 20 * time.Millisecond, Grace: time.Millisecond, Sink: sink}
	_, err := e.Apply(ctx, p, engine.Options{})
	return err
}
