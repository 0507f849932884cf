package main

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"cutover.dev/cutover/lab/progress"
	"cutover.dev/cutover/lab/rehearse"
	"cutover.dev/cutover/lab/writes"
)

// told is a client whose gaps are known beforehand, one for each time that it is asked.
type told struct{ gaps []int64 }

func (c *told) Between(time.Time, time.Time) writes.Gaps {
	next := c.gaps[0]
	c.gaps = c.gaps[1:]
	return writes.Gaps{Plain: next}
}

func (c *told) Stop(context.Context) (writes.Result, error) { return writes.Result{}, nil }

// The runs that did not arrive are the worst ones: none may be missing from the longest gap, or be in a median.
func TestTheGapOfARunThatDidNotArriveCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &measuring{say: progress.New(io.Discard)}
		a := application{&told{[]int64{9000, 0, 700, 12000, 300}}, &told{[]int64{100, 200, 600, 50, 300}}}
		var g gaps
		move := func(note func(context.Context, application, func() error) error, codes ...int) {
			t.Helper()
			if err := m.insist(func() (r rehearse.Result, err error) {
				r.Code, codes = codes[0], codes[1:]
				return r, note(t.Context(), a, func() error {
					if r.Code != 0 {
						return errors.New("it went back")
					}
					return nil
				})
			}); err != nil {
				t.Fatal(err)
			}
		}
		move(g.of, broken, broken, 0)
		move(g.back, stuck, 0)
		if len(g.majority) != 1 || g.majority[0] != 700 || len(g.one) != 1 || g.one[0] != 600 {
			t.Errorf("of the run that arrived it keeps %v and %v", g.majority, g.one)
		}
		if g.longest() != 12000 || !strings.Contains(atMost("longest", worstMs, g.longest(), "ms").String(), "MISSED") {
			t.Errorf("the longest gap is %v", g.longest())
		}
		if r := g.repeated(""); r.Ours != 3 || r.Floor != 2 {
			t.Errorf("repeated are %+v", r)
		}
		if text := g.all("stepdown"); !strings.Contains(text, "3 runs that did not arrive and were repeated [9000 200 12000]") {
			t.Error(text)
		}
	})
}
