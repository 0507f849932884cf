package mongo

import (
	"testing"
	"time"
)

func TestAHandoverIsReadFromTheLogsOfBothMembers(t *testing.T) {
	first := `{"t":{"$date":"2026-11-28T17:07:34.703+00:00"},"s":"I",  "c":"REPL",     "id":21358,   "ctx":"ReplCoord-0","msg":"Replica set state transition","attr":{"newState":"PRIMARY","oldState":"SECONDARY"}}
{"t":{"$date":"2026-11-28T17:07:35.011+00:00"},"s":"I",  "c":"REPL",     "id":21331,   "ctx":"OplogApplier-0","msg":"Transition to primary complete; database writes are now permitted"}
{"t":{"$date":"2026-11-28T17:08:00.100+00:00"},"s":"I",  "c":"REPL",     "id":21358,   "ctx":"conn9","msg":"Replica set state transition","attr":{"newState":"SECONDARY","oldState":"PRIMARY"}}
`
	second := `{"t":{"$date":"2026-11-28T17:08:00.120+00:00"},"s":"I",  "c":"REPL",     "id":21358,   "ctx":"ReplCoord-0","msg":"Replica set state transition","attr":{"newState":"PRIMARY","oldState":"SECONDARY"}}
{"t":{"$date":"2026-11-28T17:08:00.173+00:00"},"s":"I",  "c":"REPL",     "id":21331,   "ctx":"OplogApplier-0","msg":"Transition to primary complete; database writes are now permitted"}
{"t":{"$date":"2026-11-28T17:08:0`
	turns := append(turnsIn([]byte(second), "new:1"), turnsIn([]byte(first), "old:1")...)
	got := pairs(turns, time.Time{})
	if len(got) != 1 || got[0].From != "old:1" || got[0].To != "new:1" || got[0].Gap() != 73*time.Millisecond {
		t.Errorf("got %+v, want one of 73 ms", got)
	}
	if late := pairs(turns, got[0].Up); len(late) != 0 {
		t.Errorf("what was before the time counts: %+v", late)
	}
}
