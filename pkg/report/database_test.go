package report

import (
	"strings"
	"testing"

	"cutover.dev/cutover/pkg/engine"
	"cutover.dev/cutover/pkg/phase"
	"cutover.dev/cutover/pkg/replset"
)

func TestTheWriteGapIsTold(t *testing.T) {
	r := NewRecorder("apply", "stepdown")
	gap := replset.Gap{Retryable: 1044, Plain: 84, Hello: 61, Server: 1020, Writes: 90, Lost: 1, Failed: 2, Winner: "n2:27017", Notes: []string{"a|note"}}
	r.Emit(engine.Event{What: "done", Step: "replset:rs0/2+3/primary", Observation: phase.Observation{Facts: map[string]any{replset.GapPrefix + "rs0/ahead": gap}}})
	d := r.Document()
	want := Database{Winner: "n2:27017", Writes: 90, Lost: 1, Failed: 2, GapMs: GapMs{Retryable: 1044, Plain: 84, Hello: 61, Server: 1020}}
	if d.Database == nil || d.Database.GapMs != want.GapMs || d.Database.Lost != 1 || d.Database.Winner != want.Winner {
		t.Fatalf("got %+v", d.Database)
	}
	if v := Verdict(d); !strings.Contains(v, "majority writes stood for 1s, 1 of 90 lost") {
		t.Error(v)
	}
	text, _ := Markdown(d, 0)
	for _, part := range []string{"| a plain client, w:1 | 84ms |", "Of 90 writes acknowledged by a majority 1 are lost; 2 ended", `a\|note`} {
		if !strings.Contains(text, part) {
			t.Errorf("%q is not in\n%s", part, text)
		}
	}
}
