package main

import (
	"encoding/json"
	"strings"
	"testing"

	"cutover.dev/cutover/lab/world"
	"cutover.dev/cutover/lab/writes"
)

// moved is a database of a run in which all was well.
func moved() database {
	return database{
		Result:    writes.Result{Writes: 9000, Failed: 1, GapMs: writes.Gaps{Retryable: 1050, Plain: 1040, Hello: 80, Server: 73}},
		Moves:     true,
		Primary:   "new 172.30.0.72:27017",
		Members:   world.New.MongodHosts(),
		Handovers: []handover{{"172.30.0.61:27017", "172.30.0.72:27017", 73}},
	}
}

func TestARunWithALostWriteOrAnotherPrimaryDoesNotCount(t *testing.T) {
	good := moved()
	if got := good.problems(); len(got) != 0 {
		t.Errorf("a good run has the problems %q", got)
	}
	stayed := database{Result: writes.Result{Writes: 9000}, Primary: "old 172.30.0.61:27017", Members: world.Old.MongodHosts()}
	if got := stayed.problems(); len(got) != 0 {
		t.Errorf("a run whose plan has no mongodb has the problems %q", got)
	}
	for name, change := range map[string]func(*database){
		"lost":            func(b *database) { b.Lost = 1 },
		"nothing":         func(b *database) { b.Writes = 0 },
		"failed":          func(b *database) { b.FailedRetryable = 1 },
		"unseen":          func(b *database) { b.Unseen = 1 },
		"not moved":       func(b *database) { b.Primary = "old 172.30.0.61:27017" },
		"moved unasked":   func(b *database) { b.Moves, b.Handovers, b.Members = false, nil, world.Old.MongodHosts() },
		"an old one left": func(b *database) { b.Members = append(b.Members, world.Old.MongodHosts()[2]) },
		"a new one less":  func(b *database) { b.Members = b.Members[1:] },
		"moved twice":     func(b *database) { b.Handovers = append(b.Handovers, handover{}) },
		"no log of it":    func(b *database) { b.Handovers = nil },
		"nobody primary":  func(b *database) { b.Primary = "" },
	} {
		b := moved()
		change(&b)
		if got := b.problems(); len(got) != 1 {
			t.Errorf("%s: problems are %q", name, got)
		}
	}
}

func TestTheReportSaysWhetherTheReplicaSetMoved(t *testing.T) {
	b := moved()
	raw, err := json.Marshal(b)
	if err != nil {
		t.Fatal(err)
	}
	var back struct {
		Writes, Lost, Failed *int
		GapMs                map[string]int
	}
	if err := json.Unmarshal(raw, &back); err != nil {
		t.Fatal(err)
	}
	if back.Writes == nil || back.Lost == nil || back.Failed == nil || back.GapMs["retryable"] != 1050 || back.GapMs["plain"] != 1040 ||
		back.GapMs["hello"] != 80 || back.GapMs["server"] != 73 {
		t.Errorf("the report is %s", raw)
	}
	b.stepped(act{Do: rollback}, writes.Gaps{})
	if b.AtStepdown != nil {
		t.Error("the way back is taken for the move")
	}
	b.stepped(act{Do: apply}, writes.Gaps{Retryable: 1050})
	if !strings.Contains(b.markdown(), "while the primary moved") || !strings.Contains(b.markdown(), "new 172.30.0.72") {
		t.Errorf("the text is %s", b.markdown())
	}
	if stayed := (&database{}).markdown(); !strings.Contains(stayed, "stayed in old") {
		t.Errorf("the text is %s", stayed)
	}
}
