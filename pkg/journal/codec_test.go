package journal_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"cutover.dev/cutover/pkg/journal"
)

func sample() []journal.Entry {
	return []journal.Entry{
		{
			At: time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC), Run: "https://ci/1", Plan: "d", Phase: "routes", Step: "apply:new/shop/Ingress/web", Gen: 2,
			What: journal.Begun, Was: json.RawMessage(`{"a":[1,2]}`), Facts: map[string]json.RawMessage{"f": json.RawMessage(`"<x>"`)},
			Touches: []string{"new/shop/Ingress/web#spec.rules"}, Note: "line\nbreak",
		},
		{Phase: "routes", What: journal.Finished},
	}
}

func TestWhatIsEncodedIsDecoded(t *testing.T) {
	var b bytes.Buffer
	if err := journal.Encode(&b, sample()); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(b.String(), "\n"); n != 2 {
		t.Errorf("%d lines", n)
	}
	got, err := journal.Decode(&b)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(sample(), got); d != "" {
		t.Error(d)
	}
}

func TestWhatCouldBeMisreadIsRefused(t *testing.T) {
	good := `{"at":"2026-01-02T03:04:05Z","phase":"p","step":"s","what":"done"}` + "\n"
	for name, c := range map[string]struct{ line, want string }{
		"an unknown kind":         {`{"at":"2026-01-02T03:04:05Z","phase":"p","step":"s","what":"paused"}`, `entry 2: kind "paused"`},
		"an unknown field":        {`{"at":"2026-01-02T03:04:05Z","phase":"p","step":"s","what":"done","more":1}`, "more"},
		"no phase":                {`{"at":"2026-01-02T03:04:05Z","step":"s","what":"done"}`, "no phase"},
		"a step that is finished": {`{"at":"2026-01-02T03:04:05Z","phase":"p","step":"s","what":"finished"}`, "finished"},
		"a phase that is done":    {`{"at":"2026-01-02T03:04:05Z","phase":"p","what":"done"}`, "done"},
		"a line that was cut off": {`{"at":"2026-01-02T03:04:05Z","pha`, "unexpected EOF"},
	} {
		if got, err := journal.Decode(strings.NewReader(good + c.line)); err == nil || !strings.Contains(err.Error(), c.want) || got != nil {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

func FuzzDecode(f *testing.F) {
	var b bytes.Buffer
	if err := journal.Encode(&b, sample()); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Add([]byte(`{"phase":"p","step":"s","what":"begun","was":null,"facts":{"a":null},"touches":[]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		entries, err := journal.Decode(bytes.NewReader(data))
		if err != nil {
			return
		}
		var once, twice bytes.Buffer
		if err := journal.Encode(&once, entries); err != nil {
			t.Fatalf("what was decoded cannot be encoded: %v", err)
		}
		again, err := journal.Decode(bytes.NewReader(once.Bytes()))
		if err != nil {
			t.Fatal(err)
		}
		if err := journal.Encode(&twice, again); err != nil || once.String() != twice.String() {
			t.Fatalf("not the same twice: %v\n%s\n%s", err, once.String(), twice.String())
		}
	})
}
