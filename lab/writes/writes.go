// Package writes is the application that uses the lab's replica set: two writers with majority concern and a reader, with a
// ledger. At the end every acknowledged write is looked for by its id. It knows a URI and addresses, not how they came
// about, and it starts or moves nothing.
package writes

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/mongo/readpref"
	"go.mongodb.org/mongo-driver/v2/mongo/writeconcern"
)

// Options is what is written, and where.
type Options struct {
	URI      string    // of the set
	Database string    // that the URI's user may write
	Hosts    []string  // every host that may be the primary now or later: asked who it is
	Ledger   io.Writer // one line of JSON for each failure and each long pause; it may be nil
	Pause    time.Duration
	Concern  *writeconcern.WriteConcern // who has to have a write before it counts; nil: a majority
}

// Limits.
const (
	pause   = 50 * time.Millisecond  // of a client, between two operations
	long    = 300 * time.Millisecond // a pause that is told
	patient = 30 * time.Second       // for what is under way at the end
	lookup  = 2 * time.Minute        // for looking every write up
)

const collection = "orders"

// Writes are running clients.
type Writes struct {
	o       Options
	run     string // the beginning of every id
	began   time.Time
	clients []*mongo.Client
	retry   *class // retries its writes, as drivers do
	plain   *class // does not
	reads   *class
	watch   *watch

	pause    atomic.Int64 // nanoseconds, of Pace
	stopping chan struct{}
	loops    sync.WaitGroup
	cut      context.CancelFunc // what is under way

	mu     sync.Mutex // of the ledger
	ledger *json.Encoder
}

// Start begins to write, and returns when both writers and the reader had their first success. They go on until Stop.
func Start(ctx context.Context, o Options) (*Writes, error) {
	if o.Pause == 0 {
		o.Pause = pause
	}
	if o.Concern == nil {
		o.Concern = writeconcern.Majority()
	}
	if o.Ledger == nil {
		o.Ledger = io.Discard
	}
	w := &Writes{
		o: o, began: time.Now(), run: strconv.FormatInt(time.Now().UnixMilli(), 36), stopping: make(chan struct{}),
		ledger: json.NewEncoder(o.Ledger), retry: newClass("retryable"), plain: newClass("plain"), reads: newClass("reads"),
	}
	w.Pace(o.Pause)
	retrying, err := w.connect(true)
	if err == nil {
		var plain *mongo.Client
		if plain, err = w.connect(false); err == nil {
			w.watch, err = watchHosts(o.Hosts)
			detached, cut := context.WithCancel(context.WithoutCancel(ctx))
			w.cut = cut
			w.loops.Go(func() { w.write(detached, w.retry, w.in(retrying)) })
			w.loops.Go(func() { w.write(detached, w.plain, w.in(plain)) })
			w.loops.Go(func() { w.read(detached, w.in(retrying)) })
		}
	}
	if err == nil {
		err = w.started(ctx)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start to write: %w", err), w.end())
	}
	return w, nil
}

// connect makes a client as an application has it.
func (w *Writes) connect(retry bool) (*mongo.Client, error) {
	o := options.Client().ApplyURI(w.o.URI).SetAppName("lab writes, retry " + strconv.FormatBool(retry)).SetRetryWrites(retry).SetRetryReads(retry).
		SetWriteConcern(w.o.Concern).SetReadPreference(readpref.Primary()).SetConnectTimeout(5 * time.Second)
	client, err := mongo.Connect(o)
	if err == nil {
		w.clients = append(w.clients, client)
	}
	return client, err
}

func (w *Writes) in(c *mongo.Client) *mongo.Collection {
	return c.Database(w.o.Database).Collection(collection)
}

// started waits for the first success of each, so that a set that takes no writes at all is no long pause.
func (w *Writes) started(ctx context.Context) error {
	limit := time.NewTimer(patient)
	defer limit.Stop()
	for _, c := range []*class{w.retry, w.plain, w.reads} {
		select {
		case <-c.first:
		case <-limit.C:
			return fmt.Errorf("no success of %s within %s: %w", c.name, patient, c.last())
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// document is what is written.
type document struct {
	ID string `bson:"_id"`
	N  int    `bson:"n"`
}

func (w *Writes) id(class string, n int) string { return fmt.Sprintf("%s/%s/%07d", w.run, class, n) }

// write writes one document after the other. A write that failed may be there nevertheless: nothing is concluded from it.
func (w *Writes) write(ctx context.Context, c *class, in *mongo.Collection) {
	for n := 0; w.rest(1); n++ {
		_, err := in.InsertOne(ctx, document{w.id(c.name, n), n})
		w.ended(c, n, err)
	}
}

// errUnseen says that a read did not find what had been acknowledged before.
var errUnseen = errors.New("an acknowledged write is not seen")

// read reads the newest acknowledged write, from the primary.
func (w *Writes) read(ctx context.Context, in *mongo.Collection) {
	for w.rest(2) { // half as often: it is the writes that matter
		n, any := w.retry.newest()
		if !any {
			continue
		}
		err := in.FindOne(ctx, bson.D{{Key: "_id", Value: w.id(w.retry.name, n)}}).Err()
		if errors.Is(err, mongo.ErrNoDocuments) {
			err = fmt.Errorf("%w: %s", errUnseen, w.id(w.retry.name, n))
		}
		w.ended(w.reads, n, err)
	}
}

// Pace changes Options.Pause from the next operations on. A gap that is shorter than the pause cannot be seen.
func (w *Writes) Pace(pause time.Duration) { w.pause.Store(int64(pause)) }

// rest pauses, for n times the pause. False: it is over.
func (w *Writes) rest(n int64) bool {
	select {
	case <-w.stopping:
		return false
	case <-time.After(time.Duration(n * w.pause.Load())):
		return true
	}
}

// line is one line of the ledger.
type line struct {
	At    time.Time `json:"at"`
	Class string    `json:"class"`
	ID    string    `json:"id,omitempty"`
	Error string    `json:"error,omitempty"`
	GapMs int64     `json:"gapMs,omitempty"`
}

// ended puts the end of one operation into its class, and into the ledger if it is worth a line.
func (w *Writes) ended(c *class, n int, err error) {
	now := time.Now()
	if err != nil {
		c.failed(err)
		w.tell(line{At: now, Class: c.name, ID: w.id(c.name, n), Error: err.Error()})
		return
	}
	if gap := c.succeeded(n, now); gap >= long {
		w.tell(line{At: now, Class: c.name, ID: w.id(c.name, n), GapMs: gap.Milliseconds()})
	}
}

func (w *Writes) tell(l line) {
	w.mu.Lock()
	defer w.mu.Unlock()
	_ = w.ledger.Encode(l) // the counters are what counts; the ledger is for people
}
