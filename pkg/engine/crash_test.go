package engine_test

import (
	"fmt"
	"strings"
	"testing"
)

func TestDieAtAnyPointThenResumeAndRollBack(t *testing.T) {
	for name := range phases {
		end, writes, _ := clean(t, name)
		for _, how := range []string{"before", "after", "fails", "write"} {
			for _, next := range []string{"apply", "recover+apply", "rollback", "recover+rollback"} {
				t.Run(name+"/"+how+"/"+next, func(t *testing.T) {
					for n, died := 1, true; died; n++ {
						in(t, name, func(b *bench) {
							died = b.die("apply", how, n)
							for v := range strings.SplitSeq(next, "+") {
								b.do(v)
								if v == "recover" && b.w.v["o"] == b.w.v["n"] {
									b.Fatalf("n=%d: recover left the tie", n)
								}
							}
							if strings.HasSuffix(next, "apply") {
								b.is(fmt.Sprintf("n=%d resumed", n), end)
								if how != "fails" && next == "apply" && b.w.writes != writes {
									b.Errorf("n=%d: %d writes, want %d", n, b.w.writes, writes)
								}
								b.do("rollback")
							}
							b.is(fmt.Sprintf("n=%d rolled back", n), b.start)
							if b.Failed() {
								died = false
							}
						})
					}
				})
			}
		}
	}
}

func TestDieInRollbackThenEitherWay(t *testing.T) {
	for name := range phases {
		end, _, _ := clean(t, name)
		for _, how := range []string{"before", "after", "fails", "write"} {
			for _, next := range []string{"apply", "recover+apply", "rollback", "recover+rollback"} {
				t.Run(name+"/"+how+"/"+next, func(t *testing.T) {
					for n, died := 1, true; died; n++ {
						in(t, name, func(b *bench) {
							b.do("apply")
							died = b.die("rollback", how, n)
							for v := range strings.SplitSeq(next, "+") {
								if v == "apply" && how == "fails" {
									v = "repair" // the way back could not be written down: to the journal it is drift
								}
								b.do(v)
							}
							if strings.HasSuffix(next, "apply") {
								b.is(fmt.Sprintf("n=%d resumed", n), end)
								b.open(0, "back")
								if how != "fails" {
									b.accounted(fmt.Sprintf("n=%d", n))
								}
								b.do("rollback")
							}
							b.open(0)
							b.is(fmt.Sprintf("n=%d rolled back", n), b.start)
							if b.Failed() {
								died = false
							}
						})
					}
				})
			}
		}
	}
}
