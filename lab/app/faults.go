package main

import (
	"net/http"
	"sync/atomic"
	"time"
)

// late is how much longer a slow answer takes.
const late = 500 * time.Millisecond

// faults is how a test makes one pod misbehave: by the environment from its start, or later by way of the control
// port, which no Service leads to.
type faults struct {
	ready   atomic.Bool // true: the readiness probe fails
	answers atomic.Bool // true: every answer is 500
	slow    atomic.Bool // true: every answer takes half a second more
}

func newFaults(cfg config) *faults {
	f := &faults{}
	f.ready.Store(cfg.FailReady)
	f.answers.Store(cfg.FailAnswers)
	f.slow.Store(cfg.Slow)
	return f
}

// health is the readiness probe.
func (f *faults) health(w http.ResponseWriter, _ *http.Request) {
	if f.ready.Load() {
		http.Error(w, "told not to be ready", http.StatusServiceUnavailable)
	}
}

// delay is how long an answer has to wait.
func (f *faults) delay() time.Duration {
	if f.slow.Load() {
		return late
	}
	return 0
}

// routes of the control port: PUT makes it fail, DELETE heals it.
func (f *faults) routes() http.Handler {
	mux := http.NewServeMux()
	for path, fault := range map[string]*atomic.Bool{"/faults/ready": &f.ready, "/faults/answers": &f.answers, "/faults/slow": &f.slow} {
		mux.HandleFunc("PUT "+path, func(http.ResponseWriter, *http.Request) { fault.Store(true) })
		mux.HandleFunc("DELETE "+path, func(http.ResponseWriter, *http.Request) { fault.Store(false) })
	}
	return mux
}
