// Package ledger keeps what became of every request that the load sent: one line each in a file, folded as they come
// into counters. It sends nothing and judges nothing: the class of an entry is decided by who asked.
package ledger

import "time"

// Class says how a request ended.
type Class string

// The classes. Closed is no loss: the server said goodbye to a WebSocket in order, and the client opened another.
const (
	OK      Class = "ok"
	Wrong   Class = "wrong answer"     // an answer, but not the one that belongs to this host and path
	Reset   Class = "refused or reset" // no answer, and not by waiting
	Timeout Class = "client time-out"  // no answer in the client's time
	Closed  Class = "websocket closed"
)

// Lost says whether the client went without what it asked for.
func (c Class) Lost() bool { return c == Wrong || c == Reset || c == Timeout }

// Entry is one request, one WebSocket message, or (class Closed) the end of one WebSocket.
type Entry struct {
	ID       string    `json:"id"`
	At       time.Time `json:"at"`     // when it was sent
	Group    string    `json:"group"`  // whose request it is
	Entry    string    `json:"entry"`  // the name of the entry that it was sent to
	Method   string    `json:"method"` // GET, POST, WS open, WS message, WS close
	Host     string    `json:"host"`
	Path     string    `json:"path"`
	Status   int       `json:"status,omitempty"`
	Cluster  string    `json:"cluster,omitempty"` // who answered
	Pod      string    `json:"pod,omitempty"`
	Workload string    `json:"workload,omitempty"`
	Millis   float64   `json:"ms"`             // until the last byte of the answer
	Late     float64   `json:"late,omitempty"` // milliseconds after its time that the generator sent it
	Tries    int       `json:"tries"`          // connections it was sent on; more than one: repeated by the client
	Fresh    bool      `json:"fresh,omitempty"`
	Class    Class     `json:"class"`
	Detail   string    `json:"detail,omitempty"` // why it is lost
}

// Done is when it ended.
func (e Entry) Done() time.Time { return e.At.Add(time.Duration(e.Millis * float64(time.Millisecond))) }

// counts says whether the entry is a request: something that was asked and had to be answered.
func (e Entry) counts() bool { return e.Class != Closed }
