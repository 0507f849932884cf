package cli

import (
	"encoding/json"
	"strings"
	"testing"

	"cutover.dev/cutover/pkg/journal"
	"cutover.dev/cutover/pkg/report"
)

func TestARunOfLinkShowsWhatEarlierRunsProved(t *testing.T) {
	log, err := journal.Open(t.Context(), &journal.Memory{}, "test")
	if err != nil {
		t.Fatal(err)
	}
	proof := func(to, state string) journal.Entry {
		rows := `[{"what": "name server", "from": "old", "to": "` + to + `", "state": "` + state + `", "ms": 1.5}]`
		return journal.Entry{Phase: "link", Step: "prove:path/old/" + to, What: journal.Done, Facts: map[string]json.RawMessage{"link.path/old/" + to: json.RawMessage(rows)}}
	}
	if err := log.Append(t.Context(), proof("10.0.0.1:53", "open"), proof("10.0.0.2:53", "open"), proof("10.0.0.3:53", "open"), journal.Entry{Phase: "link", Step: "prove:ranges", What: journal.Done}); err != nil {
		t.Fatal(err)
	}
	now := &report.Link{Paths: []report.Path{{What: "name server", From: "old", To: "10.0.0.2:53", State: "timed out"}}}
	planned := map[string]bool{"prove:path/old/10.0.0.1:53": true, "prove:path/old/10.0.0.2:53": true, "prove:ranges": true} // an earlier plan had a third
	got := now.Earlier(proved(log, planned)).Paths
	if len(got) != 2 || got[0].To != "10.0.0.1:53" || !got[0].Earlier || got[1].State != "timed out" || got[1].Earlier || len(now.Paths) != 1 {
		t.Errorf("%+v, and before %+v", got, now.Paths)
	}
	if md, _ := report.Markdown(report.Document{Verb: "apply", Link: &report.Link{Paths: got}}, 0); !strings.Contains(md, "open, 1.5ms, as an earlier run saw it") {
		t.Error(md)
	}
}
