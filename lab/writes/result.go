package writes

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/mongo/readconcern"
	"go.mongodb.org/mongo-driver/v2/mongo/writeconcern"
)

// Result is what became of everything.
type Result struct {
	Writes int `json:"writes"` // acknowledged by a majority
	Lost   int `json:"lost"`   // of these, not there at the end
	Failed int `json:"failed"` // ended with an error; they may be there
	// FailedRetryable are those of the client that retries.
	FailedRetryable int  `json:"failedRetryable"`
	Reads           int  `json:"reads"`
	ReadsFailed     int  `json:"readsFailed"`
	Unseen          int  `json:"unseen"` // reads that did not find what had been acknowledged; among the failed ones
	GapMs           Gaps `json:"gapMs"`
}

// Gaps are the longest times without a success, in milliseconds.
type Gaps struct {
	Retryable int64 `json:"retryable"` // between two acknowledgements of the client that retries
	Plain     int64 `json:"plain"`     // of the one that does not
	Reads     int64 `json:"reads"`
	Hello     int64 `json:"hello"`  // in which no member said of itself that it takes writes
	Server    int64 `json:"server"` // the same by the members' own logs; who has these fills it in
}

// Counters are what was counted so far; nothing is looked up.
func (w *Writes) Counters() Result {
	retry, failedRetry, _ := w.retry.counts()
	plain, failedPlain, _ := w.plain.counts()
	reads, failedReads, unseen := w.reads.counts()
	return Result{
		Writes: retry + plain, Failed: failedRetry + failedPlain, FailedRetryable: failedRetry,
		Reads: reads, ReadsFailed: failedReads, Unseen: unseen,
		GapMs: w.Between(w.began, time.Now()),
	}
}

// Between are the longest gaps that touch a window.
func (w *Writes) Between(from, to time.Time) Gaps {
	return Gaps{
		Retryable: w.retry.longest(from, to).Milliseconds(), Plain: w.plain.longest(from, to).Milliseconds(),
		Reads: w.reads.longest(from, to).Milliseconds(), Hello: w.watch.longest(from, to).Milliseconds(),
	}
}

// Stop ends the clients, looks up every acknowledged write and says what became of all. The error says that this is not
// known.
func (w *Writes) Stop(ctx context.Context) (Result, error) {
	close(w.stopping)
	rescue := time.AfterFunc(patient, w.cut) // what hangs is a failure
	w.loops.Wait()
	rescue.Stop()
	result := w.Counters()
	ctx, cancel := context.WithTimeoutCause(ctx, lookup, fmt.Errorf("not all writes could be looked up within %s", lookup))
	defer cancel()
	lost, err := w.lost(ctx)
	result.Lost = lost
	return result, errors.Join(err, w.end())
}

// end ends what is still there of a start that failed, or of a run that is over.
func (w *Writes) end() error {
	select {
	case <-w.stopping:
	default:
		close(w.stopping)
	}
	if w.cut != nil {
		w.cut()
	}
	w.loops.Wait()
	var errs []error
	for _, c := range w.clients {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		errs = append(errs, c.Disconnect(ctx))
		cancel()
	}
	if w.watch != nil {
		errs = append(errs, w.watch.close())
	}
	return errors.Join(errs...)
}

// lost counts the acknowledged writes that are not there. A last write that a majority has stands before the reading, so
// that what is read is no older than the end of the run.
func (w *Writes) lost(ctx context.Context) (int, error) {
	in := w.clients[0].Database(w.o.Database).Collection(collection, options.Collection().SetReadConcern(readconcern.Majority()).SetWriteConcern(writeconcern.Majority()))
	if _, err := in.InsertOne(ctx, document{w.id("fence", 0), 0}); err != nil {
		return 0, errors.Join(fmt.Errorf("write before the acknowledged writes are looked up: %w", err), context.Cause(ctx))
	}
	total := 0
	for _, c := range []*class{w.retry, w.plain} {
		there, err := w.there(ctx, in, c.name)
		if err != nil {
			return 0, errors.Join(fmt.Errorf("look up the acknowledged writes: %w", err), context.Cause(ctx))
		}
		for _, n := range missing(c.acknowledged(), there) {
			total++
			w.tell(line{At: time.Now(), Class: c.name, ID: w.id(c.name, n), Error: "acknowledged by a majority, and lost"})
		}
	}
	return total, nil
}

// there are the numbers of a class's writes that the set has.
func (w *Writes) there(ctx context.Context, in *mongo.Collection, class string) (map[int]bool, error) {
	from, to := w.id(class, 0), w.id(class, 9_999_999)
	cursor, err := in.Find(ctx, bson.D{{Key: "_id", Value: bson.D{{Key: "$gte", Value: from}, {Key: "$lte", Value: to}}}})
	if err != nil {
		return nil, err
	}
	var all []document
	if err := cursor.All(ctx, &all); err != nil {
		return nil, err
	}
	there := map[int]bool{}
	for _, d := range all {
		if d.ID == w.id(class, d.N) {
			there[d.N] = true
		}
	}
	return there, nil
}

// missing are the acknowledged numbers that are not there.
func missing(acknowledged []int, there map[int]bool) []int {
	var out []int
	for _, n := range acknowledged {
		if !there[n] {
			out = append(out, n)
		}
	}
	return out
}
