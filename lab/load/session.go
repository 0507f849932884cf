package load

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptrace"
	"time"

	"github.com/coder/websocket"

	"cutover.dev/cutover/lab/load/ledger"
)

// The methods of a WebSocket's entries in the ledger.
const (
	wsOpen    = "WS open"
	wsMessage = "WS message"
	wsClose   = "WS close"
)

// session is one client that keeps a WebSocket open and sends a message every beat. When the server says goodbye it
// opens another one and, if a message was under way, sends that again: a close frame says that it was not answered.
type session struct {
	load   *Load
	group  *group
	target Target
	at     string        // the entry that its socket leads to
	owed   *ledger.Entry // a message without an answer when its socket was closed in order
	put    func(ledger.Entry)
}

// reply is what the application answers to a message.
type reply struct {
	Cluster  string `json:"cluster"`
	Pod      string `json:"pod"`
	Workload string `json:"workload"`
	Message  string `json:"message"`
}

func (s *session) run(ctx context.Context) {
	for s.group.sleep(0) || s.owed != nil {
		c := s.group.now.Load()
		if socket := s.open(ctx, c); socket != nil {
			s.talk(ctx, c, socket)
		} else if !s.group.sleep(s.load.o.Beat) && s.owed != nil {
			s.end(s.owed, errors.New("the client ended before it could ask again"))
			return
		}
	}
}

func (s *session) entry(c *clients, method string) ledger.Entry {
	return ledger.Entry{
		ID: s.load.id(), At: time.Now(), Group: c.group, Entry: s.at, Method: method,
		Host: s.target.Host, Path: s.target.Path, Tries: 1,
	}
}

// open makes the connection. Nil means that it could not be made, which the ledger has.
func (s *session) open(ctx context.Context, c *clients) *websocket.Conn {
	s.at = c.entry
	e := s.entry(c, wsOpen)
	ctx, cancel := context.WithTimeout(ctx, s.load.o.Timeout)
	defer cancel()
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(i httptrace.GotConnInfo) { s.at = c.place(i.Conn) }})
	socket, resp, err := websocket.Dial(ctx, "https://"+s.target.Host+s.target.Path, &websocket.DialOptions{
		HTTPClient: c.fresh, HTTPHeader: http.Header{"X-Request-Id": {e.ID}},
	})
	if resp != nil {
		e.Status, e.Cluster = resp.StatusCode, resp.Header.Get("X-Cluster")
		e.Pod, e.Workload = resp.Header.Get("X-Pod"), resp.Header.Get("X-Workload")
		if no := belongs(resp, s.target.Workload, e.ID); no != nil {
			err = no
		}
	}
	e.Entry = s.at
	s.end(&e, err)
	if err != nil && socket != nil {
		_ = socket.CloseNow()
		return nil
	}
	return socket
}

// end completes an entry and puts it down.
func (s *session) end(e *ledger.Entry, err error) {
	e.Millis, e.Class = millis(time.Since(e.At)), classify(err)
	if err != nil {
		e.Detail = err.Error()
	}
	s.put(*e)
}

// received is what the reader of a socket got.
type received struct {
	body []byte
	err  error
}

// talk sends messages until the socket is closed, the group moves, or it ends.
func (s *session) talk(ctx context.Context, c *clients, socket *websocket.Conn) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	in := make(chan received)
	go func() {
		defer close(in)
		for {
			_, body, err := socket.Read(ctx)
			select {
			case in <- received{body, err}:
			case <-ctx.Done():
				return
			}
			if err != nil {
				return
			}
		}
	}()
	defer func() { _ = socket.CloseNow() }()
	for {
		if !s.say(ctx, c, socket, in) {
			return
		}
		beat := time.NewTimer(s.load.o.Beat)
		select {
		case <-beat.C:
			continue
		case got := <-in:
			s.closed(c, got.err)
		case <-c.moved:
			goodbye(socket, in)
		case <-s.group.ended:
			goodbye(socket, in)
		}
		beat.Stop()
		return
	}
}

// goodbye closes the socket in order. The reader has to go on meanwhile, or the close frame of the server is not seen.
func goodbye(socket *websocket.Conn, in <-chan received) {
	go func() {
		for range in { //nolint:revive // only drained
		}
	}()
	_ = socket.Close(websocket.StatusNormalClosure, "the client goes")
}

// say sends one message, an owed one first, and waits for its answer. False means that the socket is of no use any more.
func (s *session) say(ctx context.Context, c *clients, socket *websocket.Conn, in <-chan received) bool {
	e := s.entry(c, wsMessage)
	if s.owed != nil {
		e, s.owed = *s.owed, nil
		e.Entry, e.Tries = s.at, e.Tries+1
	}
	ctx, cancel := context.WithTimeout(ctx, s.load.o.Timeout)
	defer cancel()
	if err := socket.Write(ctx, websocket.MessageText, []byte(e.ID)); err != nil && ctx.Err() != nil {
		s.end(&e, err)
		return false
	}
	// A failed write is judged by what the reader sees: a close frame that came first is no loss.
	select {
	case got := <-in:
		return s.judge(c, &e, got)
	case <-ctx.Done():
		s.end(&e, ctx.Err())
		return false
	}
}

// judge holds an answer against its message.
func (s *session) judge(c *clients, e *ledger.Entry, got received) bool {
	if inOrder(got.err) {
		s.owed = e
		s.closed(c, got.err)
		return false
	}
	var r reply
	err := got.err
	if err == nil && json.Unmarshal(got.body, &r) != nil {
		err = wrong("the answer is no JSON")
	}
	if e.Cluster, e.Pod, e.Workload = r.Cluster, r.Pod, r.Workload; err == nil {
		switch {
		case r.Message != e.ID:
			err = wrong("the answer is for message %q, want %q", r.Message, e.ID)
		case r.Cluster == "" || r.Workload != s.target.Workload:
			err = wrong("workload %q of cluster %q answered, want %q", r.Workload, r.Cluster, s.target.Workload)
		}
	}
	s.end(e, err)
	return err == nil
}

// closed puts the end of a socket down: in order, or as a loss.
func (s *session) closed(c *clients, err error) {
	e := s.entry(c, wsClose)
	if err == nil {
		err = wrong("a message that nobody asked for")
	}
	e.Class, e.Detail = ledger.Closed, err.Error()
	if !inOrder(err) {
		e.Class = classify(err)
	}
	s.put(e)
}

// inOrder says whether the server closed the socket with a frame that says so.
func inOrder(err error) bool {
	switch websocket.CloseStatus(err) {
	case websocket.StatusNormalClosure, websocket.StatusGoingAway, websocket.StatusServiceRestart:
		return true
	}
	return false
}
