package cli_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"cutover.dev/cutover/pkg/ingress"
	"cutover.dev/cutover/pkg/journal"
	"cutover.dev/cutover/pkg/phase"
)

// promised is how long a process may go on after one signal, on a machine that is no later than noise for what has to happen.
const promised, noise = 7 * time.Second, 500 * time.Millisecond

// How an API server is does not matter to a process that is asked to stop: it ends in time, by one signal.
func TestOneSignalEndsAProcessInTimeWhoeverHangs(t *testing.T) {
	w, program := newWorld(t), binary(t)
	w.gently(t, "ttl: 1m", "ttl: 15s") // whose lock was in new keeps it
	for name, hanging := range map[string][]string{"old": {phase.Old}, "new": {phase.New}, "both": {phase.Old, phase.New}} {
		var env []string
		var wires []*wire
		for _, c := range hanging {
			wire, config := w.through(t, c)
			env, wires = append(env, "CUTOVER_"+strings.ToUpper(c)+"_KUBECONFIG="+config), append(wires, wire)
		}
		p := w.start(t, program, []string{"apply"}, env...)
		p.working(t)
		for _, wire := range wires {
			wire.freeze()
		}
		late, asked := lateness(t), time.Now()
		p.signal(t, syscall.SIGTERM)
		code := p.end(t)
		took, slow := time.Since(asked), late()
		t.Logf("%s: %s from the signal to the end; this machine was %s late", name, took, slow)
		if took > promised+slow && slow <= noise || code != 130 || !strings.Contains(p.errs.String(), "\ngo on:    ") {
			t.Errorf("%s hangs: exit code %d after %s, and %s are promised\n%s", name, code, took, promised, &p.errs)
		}
	}
}

// through is a kubeconfig that leads to a cluster by a wire.
func (w *world) through(t *testing.T, env string) (*wire, string) {
	t.Helper()
	config, server := map[string]string{phase.Old: w.old, phase.New: w.new}[env], w.servers[env].URL
	wire := forward(t, server)
	path := filepath.Join(t.TempDir(), "through")
	if err := os.WriteFile(path, []byte(strings.Replace(read(t, config), server, "https://"+wire.Addr().String(), 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	return wire, path
}

// lateness measures, until it is called, by how much this machine was late in all for what has to happen every tenth of a second:
// so much later may be whatever else runs on it.
func lateness(t *testing.T) func() time.Duration {
	t.Helper()
	const tick = 100 * time.Millisecond
	stop, sum := make(chan struct{}), make(chan time.Duration)
	go func() {
		var late time.Duration
		for {
			began := time.Now()
			select {
			case <-stop:
				sum <- late + max(0, time.Since(began)-tick)
				return
			case <-time.After(tick):
				late += time.Since(began) - tick
			}
		}
	}()
	return func() time.Duration {
		close(stop)
		return <-sum
	}
}

// gently changes the plan, and lets what watches a stretch ask less often.
func (w *world) gently(t *testing.T, replace ...string) {
	t.Helper()
	text := strings.NewReplacer(append(replace, "rate: 500", "rate: 50")...).Replace(read(t, w.plan))
	if err := os.WriteFile(w.plan, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// A stop inside a stretch, by a signal or by somebody who goes back, takes the stretch back before the process ends.
func TestAStopInsideAStretchTakesItBackBeforeTheProcessEnds(t *testing.T) {
	w, program := newWorld(t), binary(t)
	w.readyToMove(t)
	w.gently(t, "ttl: 15s", "ttl: 1m") // nobody dies here
	newest := w.newest(t)
	for _, c := range []struct {
		name string
		stop func(*process)
	}{
		{"signal", func(p *process) { p.signal(t, syscall.SIGTERM) }},
		{"way back", func(p *process) { // last: it takes back what only this test could bring up
			if code, out, errs := w.by(t, program, "rollback", "--phase", "migrate/shop"); code != 0 || !strings.Contains(errs, "asking it to stop") {
				t.Errorf("rollback: exit code %d\n%s%s", code, out, errs)
			}
		}},
	} {
		p := w.start(t, program, []string{"apply", "--phase", "migrate/shop"})
		w.come(t, p, "prove:shop/Deployment/web")
		if to := w.leadsTo(t); to == ingress.ProxyService {
			t.Fatalf("%s: it is not in its stretch", c.name)
		}
		c.stop(p)
		if code := p.end(t); code != 130 || !strings.Contains(p.errs.String(), " undone   swap the routes of ") || strings.Contains(p.errs.String(), "half-way") {
			t.Errorf("%s: exit code %d\n%s", c.name, code, &p.errs)
		}
		if to := w.leadsTo(t); to != ingress.ProxyService || newest(swapID) != journal.Reverted {
			t.Errorf("%s: clients are led to %s, and the journal says %s", c.name, to, newest(swapID))
		}
		if _, _, errs := w.run(t, []string{"unlock"}); !strings.Contains(errs, "nobody holds the lock") {
			t.Errorf("%s: %s", c.name, errs)
		}
	}
}

// come waits until a process has done a step.
func (w *world) come(t *testing.T, p *process, step string) {
	t.Helper()
	newest := w.newest(t)
	for giveUp := time.Now().Add(patient); newest(step) != journal.Done; time.Sleep(100 * time.Millisecond) {
		if time.Now().After(giveUp) {
			t.Fatalf("it never comes to %s\n%s", step, &p.errs)
		}
	}
}

// by runs a verb in a process of its own.
func (w *world) by(t *testing.T, program string, args ...string) (code int, out, errs string) {
	t.Helper()
	p := w.start(t, program, args)
	code = p.end(t)
	return code, p.out.String(), p.errs.String()
}
