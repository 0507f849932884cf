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
		{Phase: "routes", Step: "apply:new/shop/Service/web", What: journal.Begun, Was: json.RawMessage(`null`)},
		{Phase: "routes", What: journal.Finished},
	}
}

func encoded(t testing.TB, entries []journal.Entry) string {
	t.Helper()
	var b strings.Builder
	if err := journal.Encode(&b, entries); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestWhatIsEncodedIsDecoded(t *testing.T) {
	text := encoded(t, sample())
	if n := strings.Count(text, "\n"); n != 4 {
		t.Errorf("%d lines", n)
	}
	got, err := journal.Decode(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(sample(), got); d != "" {
		t.Error(d)
	}
	if got, err := journal.Decode(strings.NewReader(encoded(t, nil))); err != nil || len(got) != 0 {
		t.Errorf("an empty journal: %v, %v", got, err)
	}
}

func TestANoteThatIsNoTextIsKeptReadable(t *testing.T) {
	got, err := journal.Decode(strings.NewReader(encoded(t, []journal.Entry{{Phase: "p", Step: "s", What: journal.Failed, Note: "a\xffb"}})))
	if err != nil || got[0].Note != "a\uFFFDb" {
		t.Fatal(got, err)
	}
}

func TestWhatCouldBeMisreadIsRefused(t *testing.T) {
	const head, good = `{"format":"cutover.dev/journal/v1","entries":2}`, `{"at":"2026-01-02T03:04:05Z","phase":"p","step":"s","what":"done"}`
	entry := func(s string) string { return head + "\n" + good + "\n" + s + "\n" }
	if _, err := journal.Decode(strings.NewReader(entry(good))); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ text, want string }{
		"an unknown kind":           {entry(`{"at":"2026-01-02T03:04:05Z","phase":"p","step":"s","what":"paused"}`), `line 3: kind "paused"`},
		"an unknown field":          {entry(`{"at":"2026-01-02T03:04:05Z","phase":"p","step":"s","what":"done","more":1}`), `line 3: json: unknown field "more"`},
		"no phase":                  {entry(`{"at":"2026-01-02T03:04:05Z","step":"s","what":"done"}`), "line 3: no phase"},
		"a step that is finished":   {entry(`{"at":"2026-01-02T03:04:05Z","phase":"p","step":"s","what":"finished"}`), "line 3: "},
		"a phase that is done":      {entry(`{"at":"2026-01-02T03:04:05Z","phase":"p","what":"done"}`), "line 3: "},
		"a field given twice":       {entry(`{"at":"2026-01-02T03:04:05Z","phase":"p","step":"s","what":"failed","what":"done"}`), "line 3: it was not written"},
		"a field in other letters":  {entry(`{"at":"2026-01-02T03:04:05Z","phase":"p","step":"s","What":"done"}`), "line 3: it was not written"},
		"two entries on one line":   {head + "\n" + good + good + "\n" + good + "\n", "line 2: it was not written"},
		"an empty line":             {entry(""), "line 3: EOF"},
		"a line that was cut off":   {head + "\n" + good + "\n" + good[:20], "line 3: cut off"},
		"an end that was cut off":   {head + "\n" + good + "\n", "line 2: it ends after 1 entries of 2"},
		"more than there should be": {entry(good) + good + "\n", "line 4: it ends after 3 entries of 2"},
		"no head":                   {good + "\n" + good + "\n", "line 1: "},
		"a head with more":          {head + "x\n" + good + "\n" + good + "\n", "line 1: it was not written"},
		"a format of tomorrow":      {`{"format":"cutover.dev/journal/v2","entries":0}` + "\n", `line 1: format is "cutover.dev/journal/v2"`},
		"nothing at all":            {"", "line 1: EOF"},
	} {
		if got, err := journal.Decode(strings.NewReader(c.text)); err == nil || !strings.Contains(err.Error(), c.want) || got != nil {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

// What can be decoded is exactly what was encoded, byte by byte.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(encoded(f, sample())))
	f.Add([]byte(encoded(f, nil)))
	f.Add([]byte(`{"format":"cutover.dev/journal/v1","entries":1}` + "\n" +
		`{"at":"0001-01-01T00:00:00Z","phase":"p","step":"s","what":"begun","was":null,"facts":{"a":null},"touches":["x"]}` + "\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		entries, err := journal.Decode(bytes.NewReader(data))
		if err != nil {
			return
		}
		if again := encoded(t, entries); again != string(data) {
			t.Fatalf("read:\n%s\nwritten:\n%s", data, again)
		}
	})
}

// Whatever a server says and whatever a step remembers can be read again.
func FuzzEncode(f *testing.F) {
	f.Add("apply:x", "a note\xff\u2028<&>", `{"a":"<\u2028"}`)
	f.Add("", "\\ufffd", `[1.0, 1e400]`)
	f.Fuzz(func(t *testing.T, step, note, was string) {
		in := []journal.Entry{{Phase: "p", Step: step, What: journal.Begun, Note: note, Was: json.RawMessage(was), Facts: map[string]json.RawMessage{"f": json.RawMessage(was)}}}
		var b bytes.Buffer
		if journal.Encode(&b, in) != nil {
			return
		}
		text := b.String()
		out, err := journal.Decode(&b)
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		if again := encoded(t, out); again != text {
			t.Fatalf("written:\n%s\nwritten again:\n%s", text, again)
		}
	})
}
