package main

import (
	"net/http"
	"sync/atomic"
)

// faults is how a test makes one pod misbehave: by the environment from its start, or later by way of the control
// port, which no Service leads to.
type faults struct {
	ready   atomic.Bool // true: the readiness probe fails
	answers atomic.Bool // true: every answer is 500
}

func newFaults(cfg config) *faults {
	f := &faults{}
	f.ready.Store(cfg.FailReady)
	f.answers.Store(cfg.FailAnswers)
	return f
}

// health is the readiness probe.
func (f *faults) health(w http.ResponseWriter, _ *http.Request) {
	if f.ready.Load() {
		http.Error(w, "told not to be ready", http.StatusServiceUnavailable)
	}
}

// routes of the control port: PUT makes it fail, DELETE heals it.
func (f *faults) routes() http.Handler {
	mux := http.NewServeMux()
	for path, fault := range map[string]*atomic.Bool{"/faults/ready": &f.ready, "/faults/answers": &f.answers} {
		mux.HandleFunc("PUT "+path, func(http.ResponseWriter, *http.Request) { fault.Store(true) })
		mux.HandleFunc("DELETE "+path, func(http.ResponseWriter, *http.Request) { fault.Store(false) })
	}
	return mux
}
