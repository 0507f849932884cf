package ledger

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"
)

var start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// entry is one answer of cluster, sent ms after start and there at once.
func entry(ms int, cluster string, class Class) Entry {
	return Entry{
		ID: "x", At: start.Add(time.Duration(ms) * time.Millisecond), Entry: "new", Method: "GET", Host: "shop.test", Path: "/",
		Cluster: cluster, Class: class, Tries: 1,
	}
}

func TestEveryEntryIsOneLineAndIsCounted(t *testing.T) {
	var file bytes.Buffer
	l := New(&file)
	l.Add(entry(0, "old", OK))
	l.Add(entry(10, "new", OK))
	l.Add(entry(20, "", Reset))
	l.Add(entry(30, "", Timeout))
	l.Add(entry(40, "old", Wrong))
	l.Add(entry(50, "old", Closed))
	if err := l.Flush(); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(file.String()), "\n")
	if len(lines) != 6 {
		t.Fatalf("%d lines, want 6", len(lines))
	}
	var back Entry
	if err := json.Unmarshal([]byte(lines[1]), &back); err != nil || back != entry(10, "new", OK) {
		t.Errorf("line 2 is %+v (%v)", back, err)
	}
	c := l.Counters()
	if c.Sent != 5 || c.Lost != 3 || len(c.Bad) != 3 || len(c.LostAt) != 3 || !c.LostAt[2].Equal(c.Bad[2].At) {
		t.Errorf("sent %d, lost %d, shown %d, at %v; want 5, 3, 3", c.Sent, c.Lost, len(c.Bad), c.LostAt)
	}
	if c.ByCluster["old"] != 1 || c.ByCluster["new"] != 1 || c.ByClass[Closed] != 1 || c.ByClass[Wrong] != 1 {
		t.Errorf("by cluster %v, by class %v", c.ByCluster, c.ByClass)
	}
	if g := c.ByGroup[""]; g.Sent != 5 || g.Lost != 3 || g.ByEntry["new"] != 5 {
		t.Errorf("the group is %+v", g)
	}
	if got := c.ByTarget["shop.test/"]; got.Sent != 5 || got.Lost != 3 {
		t.Errorf("target is %+v", got)
	}
}

func TestTheLongestGapIsBetweenGoodAnswersOnly(t *testing.T) {
	l := New(&bytes.Buffer{})
	for _, e := range []Entry{
		entry(0, "old", OK), entry(100, "old", OK), entry(300, "", Reset), entry(600, "new", OK), entry(550, "old", OK), entry(700, "new", OK),
	} {
		l.Add(e)
	}
	c := l.Counters()
	if c.LongestGapMs != 500 || c.GapMs["old"] != 450 || c.GapMs["new"] != 100 {
		t.Errorf("gaps are %d, %v; want 500, old 450, new 100", c.LongestGapMs, c.GapMs)
	}
}

func TestASecondShowsWhoAnswered(t *testing.T) {
	l := New(&bytes.Buffer{})
	l.Add(entry(0, "old", OK))
	l.Add(entry(999, "new", OK))
	l.Add(entry(500, "", Reset))
	l.Add(entry(1000, "new", OK))
	answered, lost := l.Second(start)
	if answered["old"] != 1 || answered["new"] != 1 || lost != 1 {
		t.Errorf("answered %v, lost %d", answered, lost)
	}
	if answered, lost = l.Second(start.Add(time.Hour)); len(answered) != 0 || lost != 0 {
		t.Errorf("an empty second has %v, %d", answered, lost)
	}
}

func TestALateGeneratorIsInconclusive(t *testing.T) {
	l := New(&bytes.Buffer{})
	for i := range 100 {
		e := entry(i, "old", OK)
		if i >= 98 {
			e.Late = 5000
		}
		l.Add(e)
	}
	if c := l.Counters(); !c.Inconclusive || c.LatenessMs < 1000 {
		t.Errorf("2 of 100 five seconds late: %d ms, inconclusive %v", c.LatenessMs, c.Inconclusive)
	}
	for i := range 900 {
		l.Add(entry(i, "old", OK))
	}
	if c := l.Counters(); c.Inconclusive || c.LatenessMs != 0 {
		t.Errorf("2 of 1000 five seconds late: %d ms, inconclusive %v", c.LatenessMs, c.Inconclusive)
	}
}

type full struct{}

var errFull = errors.New("disk full")

func (full) Write([]byte) (int, error) { return 0, errFull }

func TestALedgerThatCannotBeWrittenSaysSo(t *testing.T) {
	l := New(full{})
	l.Add(entry(0, "old", OK))
	if err := l.Flush(); !errors.Is(err, errFull) {
		t.Errorf("flush says %v", err)
	}
	if l.Counters().Sent != 1 {
		t.Error("the entry is not counted")
	}
}
