package load

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"

	"cutover.dev/cutover/lab/load/ledger"
)

var live = Target{Host: host, Path: "/ws", Workload: "web", Kind: Session}

// socket answers messages as the lab's application does, until end is asked about message n and acts.
func socket(end func(c *websocket.Conn, n int) bool) http.Handler {
	var n atomic.Int64
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		head(w.Header(), "old", r)
		c, err := websocket.Accept(w, r, nil)
		if err != nil {
			return
		}
		defer func() { _ = c.CloseNow() }()
		for {
			_, in, err := c.Read(r.Context())
			if err != nil || end(c, int(n.Add(1))) {
				return
			}
			out, _ := json.Marshal(reply{Cluster: "old", Pod: "web-1", Workload: "web", Message: string(in)})
			if c.Write(r.Context(), websocket.MessageText, out) != nil {
				return
			}
		}
	})
}

// sessions runs one WebSocket client against h until the ledger says enough.
func sessions(t *testing.T, h http.Handler, enough func(ledger.Counters) bool) (ledger.Counters, string) {
	t.Helper()
	s, entry := serve(t, "old", h)
	var file bytes.Buffer
	l, err := Start(t.Context(), Options{
		Targets: []Target{live}, Roots: roots(s), Ledger: &file, Beat: 5 * time.Millisecond, Timeout: 2 * time.Second,
		Groups: []Group{{Name: "g", Entry: entry, Sessions: 1}},
	})
	if err != nil {
		t.Fatal(err)
	}
	until(t, "enough messages", func() bool { return enough(l.Counters()) })
	c, err := l.Stop()
	if err != nil {
		t.Fatal(err)
	}
	return c, file.String()
}

func messages(n int) func(ledger.Counters) bool {
	return func(c ledger.Counters) bool { return c.Sent > n }
}

func TestASessionAsksOnOneSocketAndLosesNothing(t *testing.T) {
	c, lines := sessions(t, socket(func(*websocket.Conn, int) bool { return false }), messages(10))
	if c.Lost != 0 || c.ByClass[ledger.Closed] != 0 || strings.Count(lines, wsOpen) != 1 {
		t.Errorf("lost %d, classes %v, opened %d times", c.Lost, c.ByClass, strings.Count(lines, wsOpen))
	}
}

func TestASocketClosedInOrderIsNoLossAndItsMessageIsAskedAgain(t *testing.T) {
	c, lines := sessions(t, socket(func(c *websocket.Conn, n int) bool {
		if n == 3 {
			_ = c.Close(websocket.StatusGoingAway, "draining")
		}
		return n == 3
	}), messages(10))
	if c.Lost != 0 || c.ByClass[ledger.Closed] != 1 {
		t.Errorf("lost %d, classes %v, bad %v", c.Lost, c.ByClass, c.Bad)
	}
	if strings.Count(lines, `"tries":2`) != 1 || strings.Count(lines, wsOpen) != 2 {
		t.Errorf("not exactly one message was asked again on a second socket:\n%s", lines)
	}
}

func TestASocketThatIsCutIsALoss(t *testing.T) {
	c, _ := sessions(t, socket(func(c *websocket.Conn, n int) bool {
		if n == 3 {
			_ = c.CloseNow()
		}
		return n == 3
	}), messages(10))
	if c.Lost != 1 || c.ByClass[ledger.Reset] != 1 || c.ByClass[ledger.Closed] != 0 {
		t.Errorf("lost %d, classes %v", c.Lost, c.ByClass)
	}
}

func TestAnAnswerToAnotherMessageIsWrong(t *testing.T) {
	c, _ := sessions(t, socket(func(c *websocket.Conn, n int) bool {
		if n == 3 {
			_ = c.Write(t.Context(), websocket.MessageText, []byte(`{"cluster":"old","workload":"web","message":"x"}`))
		}
		return n == 3
	}), messages(10))
	if c.ByClass[ledger.Wrong] != 1 {
		t.Errorf("classes %v", c.ByClass)
	}
}

func TestASocketThatIsNotOpenedIsALossEachTime(t *testing.T) {
	c, _ := sessions(t, http.NotFoundHandler(), messages(2))
	if c.Lost != c.Sent || c.ByClass[ledger.Wrong] != c.Sent {
		t.Errorf("sent %d, lost %d, classes %v", c.Sent, c.Lost, c.ByClass)
	}
}

func TestASessionMovesWithItsGroup(t *testing.T) {
	never := func(*websocket.Conn, int) bool { return false }
	old, oldEntry := serve(t, "old", socket(never))
	_, newEntry := serve(t, "new", socket(never))
	l, err := Start(t.Context(), Options{
		Targets: []Target{live}, Roots: roots(old), Ledger: io.Discard, Beat: 5 * time.Millisecond,
		Groups: []Group{{Name: "g", Entry: oldEntry, Sessions: 1}},
	})
	if err != nil {
		t.Fatal(err)
	}
	until(t, "a message at old", func() bool { return l.Counters().ByEntry["old"] > 2 })
	if err := l.Move("g", newEntry); err != nil {
		t.Fatal(err)
	}
	until(t, "a message at new", func() bool { return l.Counters().ByEntry["new"] > 2 })
	if c, err := l.Stop(); err != nil || c.Lost != 0 || c.ByClass[ledger.Closed] != 0 {
		t.Errorf("lost %d, classes %v (%v)", c.Lost, c.ByClass, err)
	}
}

func TestACheckAsksOnce(t *testing.T) {
	s, entry := serve(t, "old", socket(func(*websocket.Conn, int) bool { return false }))
	e := Check(t.Context(), roots(s), entry, live)
	if e.Class != ledger.OK || e.Method != wsMessage || e.Cluster != "old" {
		t.Errorf("a WebSocket ended as %+v", e)
	}
	s, entry = serve(t, "old", good("new"))
	if e := Check(t.Context(), roots(s), entry, plain); e.Class != ledger.OK || e.Cluster != "new" {
		t.Errorf("a request ended as %+v", e)
	}
}
