package rulestest_test

import (
	"context"
	"strconv"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"cutover.dev/cutover/pkg/replset/mongotest"
	"cutover.dev/cutover/pkg/replset/replsim"
	"cutover.dev/cutover/pkg/replset/replsim/wire"
	"cutover.dev/cutover/pkg/replset/rulestest"
)

// simulated is a rig of simulated servers.
type simulated struct {
	*wire.Server
	t       *testing.T
	clients map[string]*mongo.Client
}

func (s *simulated) Client(host string) *mongo.Client {
	if c := s.clients[host]; c != nil {
		return c
	}
	c, err := mongo.Connect(options.Client().SetHosts([]string{host}).SetDirect(true).SetServerSelectionTimeout(20 * time.Second))
	if err != nil {
		s.t.Fatal(err)
	}
	s.clients[host] = c
	s.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = c.Disconnect(ctx)
	})
	return c
}

func (s *simulated) Pause(host string, paused bool) {
	s.Do(func(sim *replsim.Sim) { sim.Pause(host, paused) })
}
func (s *simulated) Restart(host string) { s.Do(func(sim *replsim.Sim) { sim.Restart(host) }) }

func TestTheSimulatorKeepsTheServersRules(t *testing.T) {
	t.Parallel()
	var addresses []string
	for i := range 4 {
		addresses = append(addresses, "127.0.2."+strconv.Itoa(i+1)+":0")
	}
	server, err := wire.Listen(replsim.New(1), addresses...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	rulestest.Run(t, &simulated{Server: server, t: t, clients: map[string]*mongo.Client{}})
	server.Do(func(sim *replsim.Sim) {
		if b := sim.Broken(); len(b) > 0 {
			t.Error(b)
		}
	})
}

// real is a rig of mongods.
type real struct {
	*mongotest.Rig
	t       *testing.T
	clients map[string]*mongo.Client
}

func (r *real) Hosts() []string { return r.Rig.Hosts(0, len(r.Mongods)) }

func (r *real) Client(host string) *mongo.Client {
	if r.clients[host] == nil {
		r.clients[host] = r.System(host)
	}
	return r.clients[host]
}

func (r *real) mongod(host string) *mongotest.Mongod {
	for _, m := range r.Mongods {
		if m.Host == host {
			return m
		}
	}
	r.t.Fatalf("no mongod %s", host)
	return nil
}

func (r *real) Pause(host string, paused bool) {
	if m := r.mongod(host); paused {
		m.Pause(r.t)
	} else {
		m.Resume(r.t)
	}
}
func (r *real) Kill(host string)    { r.mongod(host).Kill() }
func (r *real) Restart(host string) { r.mongod(host).Start(r.t) }

func TestARealMongodKeepsTheSameRules(t *testing.T) {
	t.Parallel()
	rulestest.Run(t, &real{Rig: mongotest.Start(t, 4), t: t, clients: map[string]*mongo.Client{}})
}
