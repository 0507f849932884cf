package cli_test

import (
	"strings"
	"sync"
	"testing"

	"cutover.dev/cutover/pkg/kube/kubetest"
	"cutover.dev/cutover/pkg/phase"
)

// from lets every call meet a fault from the n-th of a kind on. The kind "" is any call.
func from(n int, kind string, do kubetest.Fault) func(kubetest.Call) kubetest.Fault {
	return func(c kubetest.Call) kubetest.Fault {
		if n > 0 && (kind == "" || c.Kind() == kind) {
			n--
		}
		if n > 0 {
			return ""
		}
		return do
	}
}

// gaveNoAnswer wants a process to have said which API server is to blame.
func (p *process) gaveNoAnswer(t *testing.T, env string) {
	t.Helper()
	if text := "could not tell, the API server of " + env + " gave no answer: "; !strings.Contains(p.errs.String(), text) {
		t.Errorf("it does not say %q\n%s", text, &p.errs)
	}
}

// Nothing may be written where one of the two does not answer from the first call on. The runs do not disturb each other, so all wait
// side by side.
func TestAnAPIServerThatNeverAnswersIsCouldNotTellAndNothingIsWritten(t *testing.T) {
	t.Parallel()
	w, program := newWorld(t), binary(t)
	var all sync.WaitGroup
	for _, env := range []string{phase.Old, phase.New} {
		for _, how := range []kubetest.Fault{kubetest.Answer500, kubetest.TooMany, kubetest.Reset, kubetest.Hang, kubetest.Gone} {
			all.Go(func() {
				t.Run(env+" "+string(how), func(t *testing.T) {
					s := &shaky{world: w, program: program, at: map[string]*kubetest.Faulty{}}
					for name, server := range w.servers {
						s.at[name] = server.Faulty(t)
					}
					s.at[env].Obey(from(1, "", how))
					s.ends(t, 7, "apply", "--phase", "proxy").gaveNoAnswer(t, env)
					for name, f := range s.at {
						if took := f.Took(); len(took) > 0 {
							t.Errorf("%s took %v", name, took)
						}
					}
				})
			})
		}
	}
	all.Wait()
}

// One of the two answers no more, from the moment in which a Service is made to the end of the run: what was begun is in the journal,
// so the same command ends it, and there is a way back.
func TestWhatAnAPIServerBreaksOffInMidPhaseTheSameCommandEnds(t *testing.T) {
	t.Parallel()
	for env, c := range map[string]struct {
		nth int // of the Services that the phase makes in that cluster
		how []kubetest.Fault
	}{
		phase.Old: {2, []kubetest.Fault{kubetest.Answer500, kubetest.Gone}},
		phase.New: {1, []kubetest.Fault{kubetest.Lose, kubetest.Hang, kubetest.Gone}},
	} {
		t.Run(env, func(t *testing.T) {
			t.Parallel()
			s := shakyWorld(t, "30s")
			before := s.objects()
			for _, how := range c.how {
				s.honest()
				s.at[env].Obey(from(c.nth, "create services", how))
				p := s.ends(t, 4, "apply", "--phase", "proxy")
				p.gaveNoAnswer(t, env)
				if text := "go on:    cutover apply"; !strings.Contains(p.errs.String(), text) {
					t.Errorf("it does not say %q\n%s", text, &p.errs)
				}
				s.at[env].Back()
				s.honest()
				s.ends(t, 0, "apply", "--phase", "proxy")
				s.honest()
				s.ends(t, 0, "rollback", "--phase", "proxy")
				s.same(t, string(how), before)
			}
		})
	}
}
