package wire_test

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"cutover.dev/cutover/pkg/replset"
	"cutover.dev/cutover/pkg/replset/path"
	"cutover.dev/cutover/pkg/replset/replsim"
	"cutover.dev/cutover/pkg/replset/replsim/wire"
)

// listen serves a set of old servers, and new ones that are in none.
func listen(t *testing.T, old, fresh int) (s *wire.Server, oldHosts, newHosts []string) {
	t.Helper()
	var addresses []string
	for i := range old + fresh {
		addresses = append(addresses, "127.0.3."+strconv.Itoa(i+1)+":0")
	}
	sim := replsim.New(1)
	s, err := wire.Listen(sim, addresses...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	hosts := s.Hosts()
	c := &replsim.Config{Name: "rs0"}
	for i, h := range hosts[:old] {
		c.Members = append(c.Members, replsim.Member{ID: i, Host: h, Votes: 1, Priority: 1})
	}
	s.Do(func(sim *replsim.Sim) { sim.Form(c, hosts[0]) })
	return s, hosts[:old], hosts[old:]
}

// writer writes with a majority through a client that follows the set, and retries as applications do.
func writer(t *testing.T, seeds []string) (acked *atomic.Int64, stop func()) {
	t.Helper()
	c, err := mongo.Connect(options.Client().SetHosts(seeds).SetReplicaSet("rs0").SetServerSelectionTimeout(30 * time.Second))
	if err != nil {
		t.Fatal(err)
	}
	acked = &atomic.Int64{}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for id := int64(1); ctx.Err() == nil; id++ {
			if _, err := c.Database("test").Collection("writes").InsertOne(ctx, bson.D{{Key: "_id", Value: id}}); err == nil {
				acked.Store(id)
			} else if ctx.Err() == nil {
				t.Errorf("write %d: %v", id, err)
			}
		}
	}()
	return acked, func() {
		cancel()
		<-done
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = c.Disconnect(ctx)
	}
}

// move makes the moves of one way with the product's own view and commands.
func move(t *testing.T, set *replset.Set, w *path.Way) {
	t.Helper()
	for end := time.Now().Add(3 * time.Minute); time.Now().Before(end); {
		v, err := set.View(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if v.Primary == "" || !v.Committed {
			time.Sleep(50 * time.Millisecond)
			continue
		}
		m, err := w.Next(v.Live())
		if err != nil {
			t.Fatal(err)
		}
		switch m.Do {
		case path.Stay:
			return
		case path.StepDown:
			err = set.StepDown(t.Context(), v.Primary)
		case path.Reconfig:
			var want replset.Config
			if want, err = v.Config.As(m.After); err == nil {
				err = set.Install(t.Context(), v.Config, want)
			}
		}
		if err != nil {
			t.Logf("%v: %v", m.Changes, err) // what counts is what is seen next
		}
	}
	t.Fatal("not at the end within 3m")
}

func TestTheProductMovesASimulatedSetUnderLoadAndBack(t *testing.T) {
	server, old, fresh := listen(t, 3, 3)
	set, err := replset.Open(replset.Options{URI: "mongodb://" + old[1] + "/"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { set.Close(context.WithoutCancel(t.Context())) })
	v, err := set.View(t.Context())
	if err != nil || v.Primary != old[0] {
		t.Fatalf("the view is %+v, %v", v, err)
	}
	first := v.Config
	goal := path.Goal{Set: "rs0", First: first.Plan(), New: fresh}
	for i, h := range fresh {
		join(t, set, h, i)
	}
	acked, stop := writer(t, old[:1])
	for _, step := range []struct {
		way func(path.Goal) (*path.Way, error)
		to  []string
	}{{path.Ahead, fresh}, {path.Back, old}} {
		w, err := step.way(goal)
		if err != nil {
			t.Fatal(err)
		}
		move(t, set, w)
		if v, err = set.View(t.Context()); err != nil || !slices.Contains(step.to, v.Primary) {
			t.Fatalf("the primary is %s, %v", v.Primary, err)
		}
	}
	stop()
	for _, h := range fresh {
		v.Config = v.Config.Minus(h)
	}
	if !v.Config.Same(first) {
		t.Errorf("there and back it is %v, was %v", v.Config, first)
	}
	server.Do(func(sim *replsim.Sim) {
		for id := range acked.Load() {
			if !sim.Has(v.Primary, id+1) {
				t.Errorf("write %d was acknowledged and is lost", id+1)
			}
		}
		if b := sim.Broken(); len(b) > 0 || acked.Load() == 0 {
			t.Errorf("%d writes, %v", acked.Load(), b)
		}
	})
}

func join(t *testing.T, set *replset.Set, host string, seen int) {
	t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		v, err := set.View(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if m, ok := v.Member(host); ok {
			if m.Hello.Secondary && v.Committed {
				return
			}
			continue
		}
		m, err := path.Join(v.Config.Plan(), host, v.Primary, seen)
		if err != nil {
			t.Fatal(err)
		}
		want, err := v.Config.As(m.After)
		if err = errors.Join(err, set.Install(t.Context(), v.Config, want)); err != nil {
			t.Logf("join %s: %v", host, err)
		}
	}
	t.Fatalf("%s does not join within a minute", host)
}
