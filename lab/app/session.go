package main

import (
	"encoding/json"
	"net/http"
	"sync"

	"github.com/coder/websocket"
)

// message is the answer to one WebSocket message.
type message struct {
	Cluster  string `json:"cluster"`
	Pod      string `json:"pod"`
	Workload string `json:"workload"`
	Message  string `json:"message"` // what was sent, as it came
}

// sessions are the open WebSockets. They are not the HTTP server's any more, so its Shutdown does not end them.
type sessions struct {
	mu   sync.Mutex
	open map[*websocket.Conn]bool
	done bool
}

// add keeps c to be closed at the end. False means that the end has come already.
func (s *sessions) add(c *websocket.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.done {
		return false
	}
	if s.open == nil {
		s.open = map[*websocket.Conn]bool{}
	}
	s.open[c] = true
	return true
}

func (s *sessions) remove(c *websocket.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, c)
}

// closeAll tells every client to go away, and waits until each has answered (the library gives it five seconds).
func (s *sessions) closeAll() {
	s.mu.Lock()
	s.done = true
	var wg sync.WaitGroup
	for c := range s.open {
		wg.Go(func() { _ = c.Close(websocket.StatusGoingAway, "draining") })
	}
	s.mu.Unlock()
	wg.Wait()
}

// session answers every message of one WebSocket.
func (a *app) session(w http.ResponseWriter, r *http.Request) {
	a.identify(w.Header(), r)
	if a.faults.answers.Load() {
		http.Error(w, "told to fail", http.StatusInternalServerError)
		return
	}
	c, err := websocket.Accept(w, r, nil)
	if err != nil {
		return // Accept has answered
	}
	defer func() { _ = c.CloseNow() }()
	if !a.sessions.add(c) {
		_ = c.Close(websocket.StatusGoingAway, "draining")
		return
	}
	defer a.sessions.remove(c)
	for {
		kind, in, err := c.Read(r.Context())
		if err != nil {
			return
		}
		out, err := json.Marshal(message{a.cfg.Cluster, a.cfg.Pod, a.cfg.Workload, string(in)})
		if err != nil || c.Write(r.Context(), kind, out) != nil {
			return
		}
	}
}
