package e2e

import (
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"cutover.dev/cutover/lab/faulty"
	"cutover.dev/cutover/lab/rehearse"
)

// Exit codes of the tool.
const (
	misused   = 2
	refused   = 3
	locked    = 6
	cancelled = 130
)

// bridgeWatch is in the title of the step that watches for windows.status and writes nothing meanwhile.
const bridgeWatch = "watch that the bridge"

// locks tries the lock while a run holds it and does nothing else: the lock keeps a second run out, unlock wants to know
// whose it is, and a way back makes the run stop and then works.
func (r *rig) locks(t *testing.T, phase string) {
	before := r.snapshots(t)
	r.under(t, "slow", slow, func() { r.kept(t, phase) })
	r.asBefore(t, before)
}

func (r *rig) kept(t *testing.T, phase string) {
	forward := r.begin(t, r.tool, nil, at(bridgeWatch, "waiting"), verbLine(r.tool, "apply", "--phase", phase)...)
	forward.reached(t)
	r.until(t, "the run only renews its lock", settled, func() error {
		return rehearse.Beyond(r.written(t, time.Now().Add(-2*time.Second)), rehearse.Write.Lock)
	})
	holder, since := r.holder(t), time.Now()
	if got := r.exits(t, locked, "apply", "--phase", phase); !strings.Contains(string(got.Stderr), holder) {
		t.Errorf("the second run does not say that %s holds the lock:\n%s", holder, got.Stderr)
	}
	if got := r.exits(t, misused, "unlock"); !strings.Contains(string(got.Stderr), holder) {
		t.Errorf("unlock does not name the holder, %s:\n%s", holder, got.Stderr)
	}
	r.exits(t, refused, "unlock", "--holder", "somebody/else")
	if err := rehearse.Beyond(r.written(t, since), rehearse.Write.Lock); err != nil {
		t.Errorf("while another run held the lock: %v", err)
	}
	if is := r.holder(t); is != holder || holder == "" {
		t.Errorf("%q holds the lock, want %q", is, holder)
	}
	r.exits(t, 0, "rollback", "--phase", phase)
	got := forward.end(t, hang)
	if got.Code != cancelled || !strings.Contains(string(got.Stderr), "asked this run to stop") {
		t.Errorf("the run that was asked to stop ended with exit code %d, want %d:\n%s", got.Code, cancelled, got.Stderr)
	}
}

// paused stops a process in the middle of its writes until another has taken its lock and finished, and lets it go on.
func (r *rig) paused(t *testing.T, phase string) {
	before := r.snapshots(t)
	r.under(t, "quick", quick, func() { r.overtaken(t, phase) })
	r.asBefore(t, before)
}

func (r *rig) overtaken(t *testing.T, phase string) {
	var forward *running
	f := r.faults(t) // nothing goes wrong there: only so are its own requests seen as they were sent
	f.through(t, func() {
		forward = r.begin(t, r.tool, syscall.SIGSTOP, at("", "doing"), verbLine(r.tool, "apply", "--phase", phase)...)
	})
	forward.reached(t)
	asleep := r.holder(t)
	r.exits(t, 0, "apply", "--phase", phase) // waits until the lock has run out
	if is := r.holder(t); is == asleep || asleep == "" {
		t.Errorf("the lock was held by %q and is by %q", asleep, is)
	}
	since := time.Now()
	if err := forward.process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	if got := forward.end(t, hang); got.Code != broken {
		t.Errorf("the process that lost its lock ended with exit code %d, want %d:\n%s", got.Code, broken, got.Stderr)
	}
	// Its own proxies saw each request, and the answer before it did: nothing of it comes late, as it may in an audit log.
	late := f.since(since, faulty.Call.Kept)
	if len(late) > 1 || slices.ContainsFunc(late, ownMemory) {
		t.Errorf("the process that lost its lock wrote %v, and may get one change of an object through", late)
	}
	sent := f.since(since, faulty.Call.Writes)
	t.Logf("after it was let go on, the process sent the writes %v, of which the servers kept %v", sent, late)
	for _, c := range sent {
		if !c.Guarded {
			t.Errorf("after it was let go on, the process sent a write that would hold whatever had happened meanwhile: %s", c)
		}
	}
	r.exits(t, 0, "apply", "--phase", phase) // what the other one did still holds
	r.exits(t, 0, "rollback", "--phase", phase)
}
