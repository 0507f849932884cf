package e2e

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"cutover.dev/cutover/lab/rehearse"
	"cutover.dev/cutover/lab/world"
)

// hunt is the killing of processes at step boundaries, over all phases.
type hunt struct {
	sorts                     map[string]bool // of boundaries at which a process was killed
	kills, boundaries, passed int             // passed: boundaries of a sort at which one was killed in a wave before
	buried                    int             // locks of dead processes that the next one got
	each                      bool            // what other lanes tell until a process is dead is killed at as well, by itself
	took                      time.Duration
}

func (h *hunt) String() string {
	return fmt.Sprintf("%d kills at %d step boundaries in %.0f s, %d more were like one of these", h.kills, h.boundaries, h.took.Seconds(), h.passed)
}

// moment is how long after a boundary every second process is killed: what it asked of an API server is under way then.
const moment = 4 * time.Millisecond

// killed runs a phase to its end. Each process is killed in the instant in which a step begins or ends that none before
// it came to; unless each is hunted, what other lanes tell until it is dead happened in the same instant, and counts as killed
// there (a hunt for each boundary makes waves, whose lanes are many, minutes longer: CUTOVER_LONG does it). Without every,
// boundaries of a sort at which one was killed before are passed.
func (r *rig) killed(t *testing.T, h *hunt, every bool, phase string, args ...string) {
	t.Helper()
	r.under(t, "quick", quick, func() { r.hunted(t, h, every, "apply", append([]string{"--phase", phase}, args...)...) })
}

// hunted is killed for any verb, on the plan that there is.
func (r *rig) hunted(t *testing.T, h *hunt, every bool, verb string, args ...string) {
	t.Helper()
	began, seen, before := time.Now(), map[string]bool{}, h.kills
	fresh := func(l rehearse.Line) bool {
		at := boundary(l)
		if at == "" || seen[at] {
			return false
		}
		seen[at] = true
		sort := sortOf(at)
		if h.sorts[sort] && !every {
			h.passed++
			return false
		}
		h.sorts[sort] = true
		h.boundaries++
		pause(t.Context(), time.Duration(h.kills%2)*moment)
		return true
	}
	for over, late := false, 0; !over; {
		got := r.begin(t, r.tool, syscall.SIGKILL, h.until(fresh), verbLine(r.tool, verb, args...)...).end(t, verbEnd)
		switch {
		case got.Code == -1:
			h.kills++
			h.buried++
			r.bury(t, h.buried)
		case got.Code == 0:
			over = true
		case !r.resumable(t, got, &late) || !pause(t.Context(), time.Second):
			t.Fatal(got.Failed())
		}
	}
	if h.kills == before {
		t.Errorf("%s %v was never killed", verb, args)
	}
	h.took += time.Since(began)
	t.Logf("%d kills at %d step boundaries; so far %s", h.kills-before, len(seen), h)
}

// until is fresh for one process. Of each, it is not asked any more once the process was struck: what that told until it was dead is
// fresh to the next one.
func (h *hunt) until(fresh func(rehearse.Line) bool) func(rehearse.Line) bool {
	struck := false
	return func(l rehearse.Line) bool {
		if struck && h.each {
			return false
		}
		is := fresh(l)
		struck = struck || is
		return is
	}
}

func TestWhatADyingProcessTellsIsFreshToTheNextWhereEachIsHunted(t *testing.T) {
	lines := []rehearse.Line{{Word: "doing", Title: "a"}, {Word: "doing", Title: "b"}, {Word: "done", Title: "a"}}
	for each, want := range map[bool]int{false: 1, true: len(lines)} {
		h, seen, processes := &hunt{each: each}, map[string]bool{}, 0
		for ; len(seen) < len(lines); processes++ {
			when := h.until(func(l rehearse.Line) bool {
				at := boundary(l)
				is := !seen[at]
				seen[at] = true
				return is
			})
			for _, l := range lines {
				when(l)
			}
		}
		if processes != want {
			t.Errorf("each %v: %d processes, want %d", each, processes, want)
		}
	}
}

// everywhere reports whether each boundary of a phase gets its kill. What a later wave does that an earlier one did as well
// gets none: a process that comes back to a cut stretch asks all its proofs again, so that these kills alone would take as
// long as the whole rest of the road. CUTOVER_LONG asks for them.
func everywhere(waves []string, phase string) bool {
	return slices.Index(waves, phase) <= 0 || os.Getenv("CUTOVER_LONG") != ""
}

// boundary names the step boundary that a line tells of, "" for none.
func boundary(l rehearse.Line) string {
	switch l.Word {
	case "doing", "undoing":
		return "begun: " + l.Title
	case "done", "there", "undone":
		return "ended: " + l.Title
	}
	return ""
}

// sortOf names what boundaries of the same sort have in common: of the objects in a title only their kinds, and no addresses.
func sortOf(at string) string {
	words := strings.Fields(at)
	for i, w := range words {
		if _, err := netip.ParseAddrPort(w); err == nil {
			words[i] = "…"
			continue
		}
		switch parts := strings.Split(w, "/"); len(parts) {
		case 1:
		case 3:
			words[i] = parts[1]
		default:
			words[i] = "…"
		}
	}
	return strings.Join(words, " ")
}

// bury lets the next process have the lock of one that was killed. After the first kill it waits until the lock has run
// out, after the second somebody who knows that the holder is dead says so; after the others the test does what unlock
// does, to save the time of a process.
func (r *rig) bury(t *testing.T, nth int) {
	t.Helper()
	l := r.lease(t)
	switch {
	case l == nil || l.Spec.HolderIdentity == nil || nth == 1:
		return
	case nth == 2:
		r.exits(t, 0, "unlock", "--holder", *l.Spec.HolderIdentity)
		return
	}
	l.Spec.HolderIdentity = nil
	if _, err := r.client(t, world.New).CoordinationV1().Leases(l.Namespace).Update(t.Context(), l, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
}

// exits runs one verb and wants an exit code.
func (r *rig) exits(t *testing.T, code int, verb string, args ...string) rehearse.Result {
	t.Helper()
	got := r.outcome(t, verb, args...)
	if got.Code != code {
		t.Fatalf("cutover %s ended with exit code %d, want %d:\n%s", strings.Join(got.Args, " "), got.Code, code, got.Stderr)
	}
	return got
}

// lease is the tool's lock, nil before there is one.
func (r *rig) lease(t *testing.T) *coordinationv1.Lease {
	t.Helper()
	leases, err := r.client(t, world.New).CoordinationV1().Leases(world.SystemSpace).List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for i, l := range leases.Items {
		if strings.HasPrefix(l.Name, "cutover-") {
			return &leases.Items[i]
		}
	}
	return nil
}

// holder is who has the lock, "" for nobody.
func (r *rig) holder(t *testing.T) string {
	t.Helper()
	if l := r.lease(t); l != nil && l.Spec.HolderIdentity != nil {
		return *l.Spec.HolderIdentity
	}
	return ""
}

// written is what the tool has written in both clusters since then.
func (r *rig) written(t *testing.T, since time.Time) []rehearse.Write {
	t.Helper()
	var out []rehearse.Write
	for _, c := range world.Clusters() {
		all, err := rehearse.Writes(r.world.Audit(c), c.Name)
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range all {
			if w.At.After(since) {
				out = append(out, w)
			}
		}
	}
	return out
}

// writtenOnce asks both API servers whether the tool wrote anything more often than its journal accounts for.
func (r *rig) writtenOnce(t *testing.T, since time.Time) {
	t.Helper()
	journal, err := r.tool.Run(t.Context(), nil, verbLine(r.tool, "journal", "export")...)
	if err == nil {
		err = journal.Failed()
	}
	if err != nil {
		t.Fatal(err)
	}
	writes := r.written(t, since)
	twice, err := rehearse.Twice(writes, journal.Stdout, since)
	if err != nil {
		t.Error(err)
	}
	for _, line := range twice {
		t.Error(line)
	}
	if t.Failed() { // the lab takes it away
		writeFile(t, filepath.Join(r.out, "written-twice.jsonl"), string(journal.Stdout))
	}
	t.Logf("%d writes in both clusters", len(writes))
}
