package replset

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/mongo/readconcern"
	"go.mongodb.org/mongo-driver/v2/mongo/readpref"
	"go.mongodb.org/mongo-driver/v2/mongo/writeconcern"
)

// Where the probes write. The user needs readWrite on that database; what was written is removed again.
const (
	ProbeDatabase   = "cutover"
	probeCollection = "probe"
)

const (
	probeEvery  = 20 * time.Millisecond
	probeWithin = 30 * time.Second // one write, the driver's retries included
)

// GapPrefix begins the names of facts that are a Gap. Reports find them by it.
const GapPrefix = "gap/"

// Gap is how long nobody could write while the primary moved, measured three ways, and what became of the probes' writes.
// Milliseconds; 0 where it could not be measured, and then Notes says why.
type Gap struct {
	Retryable int64 `json:"retryableMs"` // a client with retryable writes and majority: what an application sees
	Plain     int64 `json:"plainMs"`     // a client without, w:1: how long the set took none
	Hello     int64 `json:"helloMs"`     // from the last time that any member said it accepts writes to the first time after
	Server    int64 `json:"serverMs"`    // from the election to a write acknowledged by a majority, by the winner's own clock

	Writes int      `json:"writes"` // acknowledged by a majority
	Lost   int      `json:"lost"`   // of these, not there afterwards
	Failed int      `json:"failed"` // writes that ended with an error, of both clients
	Winner string   `json:"winner,omitempty"`
	Notes  []string `json:"notes,omitempty"`
}

func (g Gap) String() string {
	return fmt.Sprintf("write gap: %dms for a client with retryable writes and majority, %dms for a plain one, %dms by the members' own word, %dms by the server's election metrics; %d writes acknowledged, %d lost, %d failed",
		g.Retryable, g.Plain, g.Hello, g.Server, g.Writes, g.Lost, g.Failed)
}

// Meter measures while the primary moves.
type Meter struct {
	set     *Set
	run     string
	cancel  context.CancelFunc
	done    sync.WaitGroup
	clients []*mongo.Client
	from    string // the primary at the start

	mu        sync.Mutex
	retryable acks
	plain     acks
	writable  acks // any member said that it accepts writes
	acked     []bson.D
	failed    int
	notes     map[string]bool
	moved     time.Time // another member than from accepted writes
}

// acks is the times at which something was right, as far as the longest gap needs them.
type acks struct {
	n       int
	last    time.Time
	longest time.Duration
	since   time.Time // the last time before the longest gap
}

func (a *acks) at(now time.Time) {
	if a.n++; a.n > 1 && now.Sub(a.last) > a.longest {
		a.longest, a.since = now.Sub(a.last), a.last
	}
	a.last = now
}

// Measure begins. run names this run in what is written; call Stop in any case.
func (s *Set) Measure(ctx context.Context, v View, run string) *Meter {
	ctx, cancel := context.WithCancel(ctx)
	m := &Meter{set: s, run: run, cancel: cancel, from: v.Primary, notes: map[string]bool{}}
	var hosts []string
	for _, seen := range v.Members {
		if !seen.Hidden && !seen.Arbiter {
			hosts = append(hosts, seen.Host)
		}
		m.done.Go(func() { m.watch(ctx, seen.Host) })
	}
	m.done.Go(func() { m.write(ctx, hosts, v.Config.Name(), "retryable", true, writeconcern.Majority(), &m.retryable) })
	m.done.Go(func() { m.write(ctx, hosts, v.Config.Name(), "plain", false, writeconcern.W1(), &m.plain) })
	return m
}

// Ready waits until both writers write, or until it is known that they cannot, or for within.
func (m *Meter) Ready(ctx context.Context, within time.Duration) {
	for end := time.Now().Add(within); time.Now().Before(end); {
		m.mu.Lock()
		ready := (m.retryable.n > 2 && m.plain.n > 2 || len(m.notes) > 0) && m.writable.n > 0
		m.mu.Unlock()
		if ready || pause(ctx, probeEvery) != nil {
			return
		}
	}
}

// Settled waits until another member accepts writes and both writers write again, or for within.
func (m *Meter) Settled(ctx context.Context, within time.Duration) {
	for end := time.Now().Add(within); time.Now().Before(end); {
		m.mu.Lock()
		again := func(a acks) bool { return a.last.After(m.moved) || len(m.notes) > 0 }
		settled := !m.moved.IsZero() && again(m.retryable) && again(m.plain)
		m.mu.Unlock()
		if settled || pause(ctx, probeEvery) != nil {
			return
		}
	}
}

func (m *Meter) write(ctx context.Context, hosts []string, set, kind string, retry bool, concern *writeconcern.WriteConcern, into *acks) {
	o := m.set.options(hosts).SetReplicaSet(set).SetRetryWrites(retry).SetWriteConcern(concern).SetServerSelectionTimeout(probeWithin).
		SetHeartbeatInterval(10 * time.Second)
	if m.set.auth != nil {
		o.SetAuth(*m.set.auth)
	}
	c, err := mongo.Connect(o)
	if err != nil {
		m.note("the " + kind + " client could not be made")
		return
	}
	m.mu.Lock()
	m.clients = append(m.clients, c)
	m.mu.Unlock()
	collection := c.Database(ProbeDatabase).Collection(probeCollection)
	for n := 0; ctx.Err() == nil; n++ {
		id := bson.D{{Key: "run", Value: m.run}, {Key: "kind", Value: kind}, {Key: "n", Value: n}}
		one, cancel := context.WithTimeout(ctx, probeWithin)
		_, err := collection.InsertOne(one, bson.D{{Key: "_id", Value: id}})
		cancel()
		switch err = classifyWrite(err); {
		case ctx.Err() != nil: // cut off: it tells nothing
			return
		case IsRights(err):
			m.note("the writes of the " + kind + " client were not measured: the user may not write into " + ProbeDatabase + "." + probeCollection)
			return
		case err != nil:
			m.mu.Lock()
			m.failed++
			m.mu.Unlock()
		default:
			m.mu.Lock()
			into.at(time.Now())
			if retry {
				m.acked = append(m.acked, id)
			}
			m.mu.Unlock()
		}
		if pause(ctx, probeEvery) != nil {
			return
		}
	}
}

func classifyWrite(err error) error {
	if err == nil {
		return nil
	}
	var said mongo.ServerError
	if errors.As(err, &said) && (said.HasErrorCode(codeUnauthorized) || said.HasErrorCode(codeAuthFailed)) {
		return &Error{Command: "insert", Kind: Rights, Code: codeUnauthorized, Err: errors.New("not allowed")}
	}
	return err
}

// watch asks a member, all the time, whether it accepts writes.
func (m *Meter) watch(ctx context.Context, host string) {
	for ctx.Err() == nil {
		h, err := m.set.Node(host).Hello(ctx)
		if err == nil && h.Writable {
			m.mu.Lock()
			m.writable.at(h.At)
			if host != m.from && m.moved.IsZero() {
				m.moved = h.At
			}
			m.mu.Unlock()
		}
		if pause(ctx, probeEvery) != nil {
			return
		}
	}
}

func (m *Meter) note(text string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.notes[text] = true
}

// Stop ends the probes, counts which acknowledged writes are there, removes them, and says what was measured.
func (m *Meter) Stop(ctx context.Context) Gap {
	m.cancel()
	m.done.Wait()
	m.mu.Lock()
	defer m.mu.Unlock()
	g := Gap{
		Retryable: m.retryable.longest.Milliseconds(), Plain: m.plain.longest.Milliseconds(), Hello: m.writable.longest.Milliseconds(),
		Writes: len(m.acked), Failed: m.failed,
	}
	for _, c := range m.clients {
		defer c.Disconnect(ctx) //nolint:errcheck // it is only there to end
	}
	if len(m.clients) > 0 && len(m.acked) > 0 {
		lost, err := m.count(ctx, m.clients[0])
		if g.Lost = lost; err != nil {
			m.notes["which of the probes' writes are there could not be counted: "+short(err)] = true
		}
	}
	if v, err := m.set.View(ctx); err == nil && v.Primary != "" {
		g.Winner = v.Primary
		if seen, ok := v.Member(v.Primary); ok && seen.Status.Won != nil && !seen.Status.Won.Majority.IsZero() {
			g.Server = seen.Status.Won.Majority.Sub(seen.Status.Won.At).Milliseconds()
		}
	}
	if g.Server == 0 {
		m.notes["the server did not tell how long its election took"] = true
	}
	g.Notes = sortedKeys(m.notes)
	return g
}

// count is how many acknowledged writes are not there, read from a majority. Then all of this run's go.
func (m *Meter) count(ctx context.Context, c *mongo.Client) (lost int, err error) {
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	db := c.Database(ProbeDatabase)
	mine := bson.D{{Key: "_id.run", Value: m.run}}
	cursor, err := db.Collection(probeCollection, collectionOptions()).Find(ctx, mine)
	if err != nil {
		return 0, err
	}
	var found []struct {
		ID struct {
			Kind string `bson:"kind"`
			N    int    `bson:"n"`
		} `bson:"_id"`
	}
	if err := cursor.All(ctx, &found); err != nil {
		return 0, err
	}
	there := map[int]bool{}
	for _, f := range found {
		if f.ID.Kind == "retryable" {
			there[f.ID.N] = true
		}
	}
	for _, id := range m.acked {
		if n, ok := field(id, "n").(int); !ok || !there[n] {
			lost++
		}
	}
	_, err = db.Collection(probeCollection).DeleteMany(ctx, mine)
	return lost, err
}

func collectionOptions() *options.CollectionOptionsBuilder {
	return options.Collection().SetReadConcern(readconcern.Majority()).SetReadPreference(readpref.Primary())
}
