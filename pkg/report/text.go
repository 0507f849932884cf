package report

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"cutover.dev/cutover/pkg/engine"
)

const (
	waitEvery  = 10 * time.Second // how often the same step may say that it waits
	tellEvery  = 5 * time.Second  // how often progress is told
	manySteps  = 100              // a phase with more tells progress instead of single steps that went well
	afterwards = 3 * time.Second  // before that nobody asks how long it will take
)

// Text tells what happens while it happens: a line whenever the state of a step changes. Steps that wait repeat
// themselves every ten seconds at most.
type Text struct {
	mu     sync.Mutex
	w      io.Writer
	begun  map[string]time.Time // by step
	waited map[string]time.Time // when it last said so
	group  string
	since  time.Time // of the first event with a count
	first  int       // steps finished by then, in earlier runs
	told   time.Time
}

// NewText returns a sink that narrates on w.
func NewText(w io.Writer) *Text {
	return &Text{w: w, begun: map[string]time.Time{}, waited: map[string]time.Time{}}
}

// Emit tells e, unless it is not worth a line.
func (t *Text) Emit(e engine.Event) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if e.Of > 0 && t.since.IsZero() {
		t.since, t.told, t.first = e.At, e.At, e.N
	}
	if word := t.word(e); word != "" {
		t.line(e, word)
	}
	t.progress(e)
}

// word says in a word what happened, "" when nobody needs to know.
func (t *Text) word(e engine.Event) string {
	many := e.Of > manySteps
	switch e.What {
	case "phase":
		return "phase"
	case "group":
		if e.Group == t.group || e.Group == "" {
			return ""
		}
		t.group = e.Group
		return "group"
	case "gate":
		return gateWord(e)
	case "begun", "reverting":
		t.begun[e.Step] = e.At
		if many {
			return ""
		}
		return map[engine.What]string{"begun": "doing", "reverting": "undoing"}[e.What]
	case "done", "reverted":
		_, ours := t.begun[e.Step]
		delete(t.begun, e.Step)
		delete(t.waited, e.Step)
		switch {
		case many:
			return ""
		case e.What == "reverted":
			return "undone"
		case !ours:
			return "there"
		}
		return "done"
	case "waiting":
		if last, ok := t.waited[e.Step]; ok && e.At.Sub(last) < waitEvery {
			return ""
		}
		t.waited[e.Step] = e.At
		return "waiting"
	case "failed", "watch", "stopped", "left":
		return map[engine.What]string{"failed": "FAILED", "watch": "watch", "stopped": "stopped", "left": "left"}[e.What]
	}
	return ""
}

func gateWord(e engine.Event) string {
	switch {
	case e.Err != nil:
		return "unsure"
	case stateOf(e.Observation.State) == Done:
		return "yes"
	}
	return "no"
}

func (t *Text) line(e engine.Event, word string) {
	what := e.Title
	switch {
	case e.What == "phase":
		what = e.Phase
	case e.What == "group":
		what = e.Group
	case what == "":
		what = e.Step
	}
	if e.Observation.Detail != "" {
		what += ": " + e.Observation.Detail
	}
	if begun, ok := t.begun[e.Step]; ok && e.What == "waiting" {
		what += fmt.Sprintf(" (%s)", short(e.At.Sub(begun)))
	}
	if !e.Observation.NotBefore.IsZero() {
		what += fmt.Sprintf(" (not before %s)", e.Observation.NotBefore.UTC().Format(time.RFC3339))
	}
	fmt.Fprintf(t.w, "%s %s%-7s  %s\n", clock(e.At), counter(e), word, plain(what))
	if e.Err == nil {
		return
	}
	for line := range strings.Lines(e.Err.Error()) {
		fmt.Fprintf(t.w, "%s %s%-7s    %s\n", clock(e.At), counter(e), "", plain(line))
	}
}

// progress tells how far it is and how long it may still take, from the speed of this run.
func (t *Text) progress(e engine.Event) {
	if e.Of == 0 || e.At.Sub(t.told) < tellEvery || e.At.Sub(t.since) < afterwards {
		return
	}
	t.told = e.At
	elapsed := e.At.Sub(t.since)
	text := fmt.Sprintf("%d%% after %s", 100*e.N/e.Of, short(elapsed))
	if done := e.N - t.first; done > 0 && e.N < e.Of {
		text += fmt.Sprintf(", about %s to go", short(elapsed/time.Duration(done)*time.Duration(e.Of-e.N)))
	}
	fmt.Fprintf(t.w, "%s %s%-7s  %s\n", clock(e.At), counter(e), "so far", text)
}

func clock(t time.Time) string { return t.UTC().Format("15:04:05Z") }

func counter(e engine.Event) string {
	if e.Of == 0 {
		return ""
	}
	width := len(fmt.Sprint(e.Of))
	return fmt.Sprintf("[%*d/%d] ", width, e.N, e.Of)
}

// short is a duration as people say it: 3s, 2m10s, 1h5m.
func short(d time.Duration) string {
	switch {
	case d < time.Second:
		return d.Round(time.Millisecond).String()
	case d < 10*time.Second:
		return d.Round(100 * time.Millisecond).String()
	case d < time.Hour:
		return d.Round(time.Second).String()
	}
	return strings.TrimSuffix(d.Round(time.Minute).String(), "0s")
}
