package engine_test

import (
	"testing"
	"time"

	"cutover.dev/cutover/pkg/journal"
)

func TestACrashLoopStillArrives(t *testing.T) {
	for name := range phases {
		end, writes, _ := clean(t, name)
		for _, how := range []string{"after", "write"} {
			in(t, name, func(b *bench) {
				for _, v := range []string{"apply", "rollback"} {
					runs := 0
					for b.die(v, how, 1) {
						if runs++; runs > 100 {
							b.Fatalf("%s %s: no progress: %v", how, v, b.w.dump())
						}
					}
					want := end
					if v == "rollback" {
						want = b.start
					}
					b.is(how+" "+v, want)
					if v == "apply" && b.w.writes != writes {
						b.Errorf("%s: %d writes, want %d", how, b.w.writes, writes)
					}
					b.Logf("%s %s %s: %d deaths", name, how, v, runs)
				}
			})
		}
	}
}

func TestRecoverDiesToo(t *testing.T) {
	undone, finished := 0, 0
	for _, name := range []string{"migrate", "stepdown"} {
		for _, how := range []string{"before", "after", "write"} {
			for n, died := 1, true; died; n++ {
				for m := 1; m < 8; m++ {
					in(t, name, func(b *bench) {
						died = b.die("apply", how, n)
						if !died {
							return
						}
						b.die("recover", how, m)
						time.Sleep(time.Minute)
						b.w.idle = time.Minute
						l, _ := journal.Open(b.Context(), b.j, "")
						cut := l.Of("stepdown", "replset:rs0/go/3+3/0").Begun && !l.Of("stepdown", "replset:rs0/go/2+3/0").Done
						b.do("recover")
						if cut && b.w.v["n"] == 2 {
							undone++
						}
						if cut && b.w.v["o"] == 2 {
							finished++
						}
						b.do("rollback")
						b.is("rolled back", b.start)
					})
				}
			}
		}
	}
	if undone == 0 || finished == 0 {
		t.Error("one of the ways of Recover was never taken")
	}
	t.Log(undone, "undone", finished, "finished")
}
