package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"

	"cutover.dev/cutover/lab/load"
	"cutover.dev/cutover/lab/writes"
)

// How often the view is drawn: on a terminal as a block that is drawn over, elsewhere as one more line.
const (
	redraw   = time.Second
	nextLine = 4 * time.Second
)

// bar is how many answers a second one character of the picture stands for.
const bar = 5

// view shows the acts and who answers.
type view struct {
	mu     sync.Mutex
	out    io.Writer
	width  int // of the terminal; 0: none
	drawn  int // lines of the block that is on the screen
	rows   []row
	said   string // the last line of the tool's narration
	load   *load.Load
	writes *writes.Writes
	began  time.Time
	stop   context.CancelFunc
	ended  chan struct{}
}

// row is one act.
type row struct {
	title, state string
	began        time.Time
	took         time.Duration
	steps        int
}

func newView(out *os.File) *view {
	v := &view{out: out}
	if width, _, err := term.GetSize(int(out.Fd())); err == nil {
		v.width = max(width, 40)
	}
	return v
}

// start begins to draw.
func (v *view) start(ctx context.Context, l *load.Load, w *writes.Writes, acts []act) {
	ctx, v.stop = context.WithCancel(ctx)
	v.load, v.writes, v.began, v.ended = l, w, time.Now(), make(chan struct{})
	for _, a := range acts {
		v.rows = append(v.rows, row{title: a.title()})
	}
	pause := nextLine
	if v.width > 0 {
		pause = redraw
	}
	go func() {
		defer close(v.ended)
		tick := time.NewTicker(pause)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				v.draw()
			case <-ctx.Done():
				return
			}
		}
	}()
}

// close draws the last picture and ends. It may be called without start.
func (v *view) close() {
	if v.stop == nil {
		return
	}
	v.stop()
	<-v.ended
	if v.width > 0 {
		v.draw()
	}
}

func (v *view) begin(i int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.rows[i].state, v.rows[i].began, v.said = "runs", time.Now(), ""
	v.line("%s: begins", v.rows[i].title)
}

func (v *view) end(i int, took time.Duration, steps int, err error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	r := &v.rows[i]
	r.state, r.took, r.steps = "done", took, steps
	if err != nil {
		r.state = "FAILED"
	}
	v.line("%s: %s, %.1f s, %d steps", r.title, r.state, took.Seconds(), steps)
}

// line prints one line where there is no block to draw.
func (v *view) line(format string, args ...any) {
	if v.width == 0 {
		fmt.Fprintf(v.out, "%5.0fs  %s\n", time.Since(v.began).Seconds(), fmt.Sprintf(format, args...))
	}
}

// show prints one line where there is no block to draw, and there the report has it.
func (v *view) show(format string, args ...any) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.line(format, args...)
}

func (v *view) note(text string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.said = text
}

// narration takes what the tool says and keeps the last whole line of it.
func (v *view) narration() io.Writer { return &lastLine{view: v} }

type lastLine struct {
	view *view
	rest string
}

func (l *lastLine) Write(p []byte) (int, error) {
	lines := strings.Split(l.rest+string(p), "\n")
	l.rest = lines[len(lines)-1]
	for _, line := range lines[:len(lines)-1] {
		if line = strings.TrimSpace(line); line != "" {
			l.view.note(line)
		}
	}
	return len(p), nil
}

// draw shows the last whole second but one: answers to requests of it have had time to come.
func (v *view) draw() {
	v.mu.Lock()
	defer v.mu.Unlock()
	answered, lost := v.load.Second(time.Now().Add(-2 * time.Second))
	c := v.load.Counters()
	counts := fmt.Sprintf("old %3d/s  new %3d/s  lost %d/s  |  sent %d  lost %d  |  %d writes", answered["old"], answered["new"], lost, c.Sent, c.Lost,
		v.writes.Counters().Writes)
	if v.width == 0 {
		v.line("%s  |  %s", counts, v.said)
		return
	}
	lines := make([]string, 0, len(v.rows)+5)
	for _, r := range v.rows {
		lines = append(lines, r.text())
	}
	lines = append(lines, "", counts,
		strings.Repeat("o", answered["old"]/bar)+strings.Repeat("N", answered["new"]/bar)+strings.Repeat("!", min(lost, 20)),
		"", fmt.Sprintf("%4.0fs  %s", time.Since(v.began).Seconds(), v.said))
	if v.drawn > 0 {
		fmt.Fprintf(v.out, "\x1b[%dA\x1b[J", v.drawn)
	}
	for _, line := range lines {
		if runes := []rune(line); len(runes) >= v.width {
			line = string(runes[:v.width-1])
		}
		fmt.Fprintln(v.out, line)
	}
	v.drawn = len(lines)
}

func (r row) text() string {
	switch r.state {
	case "":
		return "  " + r.title
	case "runs":
		return fmt.Sprintf("> %-24s %6.1f s", r.title, time.Since(r.began).Seconds())
	}
	text := fmt.Sprintf("  %-24s %6.1f s  %s", r.title, r.took.Seconds(), r.state)
	if r.steps > 0 {
		text += fmt.Sprintf(", %d steps", r.steps)
	}
	return text
}
