package e2e

import (
	"bytes"
	"testing"

	"cutover.dev/cutover/lab/rehearse"
)

// mostLate is how often the machine may be too busy for one verb.
const mostLate = 5

// resumable: the process says to come back, or the machine was too busy for it. That counts only while the load is late as well, and
// late is how often it was so in this verb.
func (r *rig) resumable(t *testing.T, got rehearse.Result, late *int) bool {
	t.Helper()
	if got.Code == waiting {
		return true
	}
	why := tooSlow(got)
	if why == "" || *late == mostLate || !r.load.Counters().Inconclusive {
		return false
	}
	*late++
	t.Logf("the machine is overloaded, and a process %s: the next one goes on after exit code %d", why, got.Code)
	return true
}

// tooSlow is what a process did that ended because it was too slow, "" for any other end: it lost its lock, which it did not renew
// before the plan's lock.ttl was over, or it took back an even split of more than 15 s. On a way back both end with stuck.
func tooSlow(got rehearse.Result) string {
	failed := got.Code == broken || got.Code == stuck
	switch {
	case (failed || got.Code == locked) && bytes.Contains(got.Stderr, []byte("renewed in time")):
		return "lost its lock"
	case failed && bytes.Contains(got.Stderr, []byte("the even split did not end within")):
		return "took the even split back"
	}
	return ""
}

func TestOnlyWhatASlowProcessDoesIsForgiven(t *testing.T) {
	const lock, split = "it was not renewed in time, and", "the even split did not end within 15s"
	for _, c := range []struct {
		code int
		said string
		want bool
	}{
		{broken, lock, true},
		{stuck, lock, true},
		{locked, lock, true},
		{broken, split, true},
		{stuck, split, true},
		{locked, split, false},
		{broken, "Quorum check failed", false},
		{misused, lock, false},
		{1, split, false},
	} {
		if got := tooSlow(rehearse.Result{Code: c.code, Stderr: []byte("cutover: " + c.said)}); (got != "") != c.want {
			t.Errorf("exit code %d, %q: %q", c.code, c.said, got)
		}
	}
}
