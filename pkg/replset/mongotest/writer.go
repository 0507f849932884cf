package mongotest

import (
	"context"
	"fmt"
	"sync"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/mongo/readconcern"
	"go.mongodb.org/mongo-driver/v2/mongo/writeconcern"
)

// Writer is an application that uses a set: one write of a majority after the other.
type Writer struct {
	client *mongo.Client
	into   *mongo.Collection
	cancel context.CancelFunc
	loop   sync.WaitGroup

	acked  []int // read once the loop has ended
	failed int
}

const (
	writes      = 50 * time.Millisecond // between two
	writeWithin = 2 * time.Minute       // one, whatever becomes of the set
)

// Write begins to write. Its URI names some servers of the set.
func (r *Rig) Write(hosts ...string) *Writer {
	r.t.Helper()
	o := options.Client().ApplyURI(r.URI(hosts...) + "&replicaSet=" + Name)
	if r.apart {
		o.SetDialer(r)
	}
	c, err := mongo.Connect(o)
	if err != nil {
		r.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	both := options.Collection().SetWriteConcern(writeconcern.Majority()).SetReadConcern(readconcern.Majority())
	w := &Writer{client: c, into: c.Database("cutover").Collection("application", both), cancel: cancel}
	w.loop.Go(func() { w.write(ctx) })
	r.t.Cleanup(func() { w.end() })
	return w
}

func (w *Writer) write(ctx context.Context) {
	for n := 0; ctx.Err() == nil; n++ {
		one, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeWithin)
		_, err := w.into.InsertOne(one, bson.D{{Key: "_id", Value: n}})
		cancel()
		if err != nil { // it may be there nevertheless
			w.failed++
		} else {
			w.acked = append(w.acked, n)
		}
		select {
		case <-ctx.Done():
		case <-time.After(writes):
		}
	}
}

func (w *Writer) end() {
	w.cancel()
	w.loop.Wait()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	_ = w.client.Disconnect(ctx)
}

// Stop ends the writing and counts which acknowledged writes are not there.
func (w *Writer) Stop(ctx context.Context) (acked, failed, lost int, err error) {
	w.cancel()
	w.loop.Wait()
	// What is read after a write of a majority is no older than that.
	if _, err := w.into.InsertOne(ctx, bson.D{{Key: "_id", Value: "last"}}); err != nil {
		return 0, 0, 0, fmt.Errorf("write before the acknowledged writes are looked up: %w", err)
	}
	cursor, err := w.into.Find(ctx, bson.D{{Key: "_id", Value: bson.D{{Key: "$type", Value: "number"}}}})
	if err != nil {
		return 0, 0, 0, fmt.Errorf("look up the acknowledged writes: %w", err)
	}
	var found []struct {
		ID int `bson:"_id"`
	}
	if err := cursor.All(ctx, &found); err != nil {
		return 0, 0, 0, fmt.Errorf("look up the acknowledged writes: %w", err)
	}
	there := map[int]bool{}
	for _, f := range found {
		there[f.ID] = true
	}
	for _, n := range w.acked {
		if !there[n] {
			lost++
		}
	}
	return len(w.acked), w.failed, lost, nil
}
