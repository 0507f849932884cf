package join

import (
	"context"
	"errors"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"cutover.dev/cutover/pkg/engine"
	"cutover.dev/cutover/pkg/journal"
	"cutover.dev/cutover/pkg/phase"
	"cutover.dev/cutover/pkg/phase/phasetest"
	"cutover.dev/cutover/pkg/plan"
	"cutover.dev/cutover/pkg/replset"
	"cutover.dev/cutover/pkg/replset/replsim"
	"cutover.dev/cutover/pkg/replset/replsim/wire"
)

// simulation is a simulated set of old members, and new ones that are in none.
type simulation struct {
	*wire.Server
	t          *testing.T
	d          Deps
	old, fresh []string
}

// simulate starts one whose time passes so many times as fast as ours. form may change what the set is at first.
func simulate(t *testing.T, pace, old, fresh int, form func(*replsim.Config)) *simulation {
	t.Helper()
	addresses := make([]string, 0, old+fresh)
	for i := range old + fresh {
		addresses = append(addresses, "127.0.5."+strconv.Itoa(i+1)+":0")
	}
	server, err := wire.Listen(replsim.New(1), addresses...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	server.Hurry(pace)
	hosts := server.Hosts()
	s := &simulation{Server: server, t: t, old: hosts[:old], fresh: hosts[old:]}
	c := &replsim.Config{Name: "rs0"}
	for i, h := range s.old {
		c.Members = append(c.Members, replsim.Member{ID: i, Host: h, Votes: 1, Priority: 1})
	}
	if form != nil {
		form(c)
	}
	s.sim(func(sim *replsim.Sim) {
		for _, m := range c.Members[old:] { // of these nobody ever hears anything
			sim.Start(m.Host, "", "key")
			sim.Kill(m.Host)
		}
		sim.Form(c, s.old[0])
	})
	p := &plan.Plan{Metadata: plan.Metadata{Name: "test"}}
	p.Spec.MongoDB = &plan.MongoDB{New: s.fresh, MaxLag: plan.Duration(5 * time.Second), Wipe: plan.Accepted, Step: plan.Duration(time.Minute)}
	p.Spec.Windows.Lag = plan.Duration(50 * time.Millisecond)
	set, err := replset.Open(replset.Options{URI: "mongodb://" + s.old[0], Also: s.fresh})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { set.Close(context.WithoutCancel(t.Context())) })
	s.d = Deps{Plan: p, Mongo: set}
	return s
}

func (s *simulation) sim(do func(*replsim.Sim)) { s.Do(do) }

// tagged gives the members of a configuration tags, as who wrote it into the set would have.
func tagged(c *replsim.Config, tags bson.D) {
	var members bson.A
	for _, m := range c.Members {
		members = append(members, bson.D{{Key: "_id", Value: m.ID}, {Key: "host", Value: m.Host}, {Key: "tags", Value: tags}})
	}
	c.Doc = bson.D{{Key: "members", Value: members}}
}

// bumps lets somebody else change the configuration of the set.
func (s *simulation) bumps() {
	s.t.Helper()
	v, err := s.d.Mongo.View(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	if err := s.d.Mongo.Install(s.t.Context(), v.Config, v.Config.With(s.old[2], 1, 2, false)); err != nil {
		s.t.Fatal(err)
	}
}

// joins lets somebody add a member to the set, and leaves removes one from the set that a server is primary of.
func (s *simulation) joins(host string) {
	s.t.Helper()
	v, err := s.d.Mongo.View(s.t.Context())
	if err == nil {
		err = s.d.Mongo.Install(s.t.Context(), v.Config, v.Config.Plus(v.Config.MaxID()+1, host, nil))
	}
	if err != nil {
		s.t.Fatal(err)
	}
	s.Skip(10 * time.Second) // it hears of it
}

func (s *simulation) leaves(primary, host string) {
	s.t.Helper()
	set, err := replset.Open(replset.Options{URI: "mongodb://" + primary})
	if err != nil {
		s.t.Fatal(err)
	}
	defer set.Close(context.WithoutCancel(s.t.Context()))
	theirs := &simulation{Server: s.Server, t: s.t, d: Deps{Mongo: set}}
	theirs.joins(host)
	theirs.removes(host)
	s.Skip(10 * time.Second)
}

// removes lets somebody remove a member from the set.
func (s *simulation) removes(host string) {
	s.t.Helper()
	v, err := s.d.Mongo.View(s.t.Context())
	if err == nil {
		err = s.d.Mongo.Install(s.t.Context(), v.Config, v.Config.Minus(host))
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

// another makes a set of its own of some servers, the first one its primary.
func (s *simulation) another(name string, hosts ...string) {
	s.t.Helper()
	c := &replsim.Config{Name: name}
	for i, h := range hosts {
		c.Members = append(c.Members, replsim.Member{ID: i, Host: h, Votes: 1, Priority: 1})
	}
	s.sim(func(sim *replsim.Sim) {
		if err := sim.Initiate(hosts[0], c); err != nil {
			s.t.Fatal(err)
		}
		if !sim.Until(time.Minute, func() bool { return sim.Writable(hosts[0]) }) {
			s.t.Fatal("it has no primary within a minute")
		}
	})
}

// secondName is another address at which a server answers.
func secondName(t *testing.T, host string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.5.99:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", host)
			if err != nil {
				_ = in.Close()
				continue
			}
			for from, to := range map[net.Conn]net.Conn{in: out, out: in} {
				go func() {
					_, _ = io.Copy(to, from) // however it ends, the other half ends with it
					_, _ = from.Close(), to.Close()
				}()
			}
		}
	}()
	return l.Addr().String()
}

// The answers of a precondition, by what a run makes of them.
const (
	isYes  = "yes"
	isNo   = "no"
	unsure = "could not tell"
)

// judge lets the engine ask one precondition, and returns its answer and what is said. between is done after the first look.
func judge(t *testing.T, d Deps, id string, between func()) (answer, said string) {
	t.Helper()
	all := gates(d, phasetest.Facts{})
	at := slices.IndexFunc(all, func(g phase.Step) bool { return g.ID == id })
	if at < 0 {
		t.Fatalf("there is no gate %s", id)
	}
	gate := all[at]
	if look := gate.Observe; between != nil {
		gate.Observe = func(ctx context.Context) (phase.Observation, error) {
			o, err := look(ctx)
			if do := between; do != nil {
				between = nil
				do()
			}
			return o, err
		}
	}
	rest := phase.Step{
		ID: "prove:rest", Title: "see nothing", Limit: time.Minute, Knob: "mongodb.step",
		Observe: func(context.Context) (phase.Observation, error) {
			return phase.Observation{State: phase.Done, Detail: "nothing"}, nil
		},
	}
	alone := phase.Phase{Name: Name, Steps: func(context.Context, phase.Past) ([]phase.Group, error) {
		return []phase.Group{{Name: "join", Before: []phase.Step{gate}, Lanes: []phase.Lane{{rest}}}}, nil
	}}
	e := &engine.Engine{Store: &journal.Memory{}, Run: "test", Seed: "test", Poll: 20 * time.Millisecond, Grace: time.Second}
	_, err := e.Apply(t.Context(), alone, engine.Options{})
	switch {
	case err == nil:
		return isYes, ""
	case errors.Is(err, engine.ErrNo) && !errors.Is(err, engine.ErrUnsure):
		answer = isNo
	case errors.Is(err, engine.ErrUnsure) && !errors.Is(err, engine.ErrNo):
		answer = unsure
	}
	return answer, err.Error()
}

// answers wants an answer of a precondition, which names itself and says some words.
func answers(t *testing.T, d Deps, id, want string, between func(), words ...string) {
	t.Helper()
	answer, said := judge(t, d, id, between)
	if answer != want && want == isNo && between == nil { // on a busy machine the limit may be over before anything was seen
		d.Plan.Spec.MongoDB.Step *= 10
		answer, said = judge(t, d, id, nil)
	}
	if answer != want {
		t.Errorf("%s says %s, want %s: %s", id, answer, want, said)
	}
	for _, w := range words {
		if !strings.Contains(said, w) {
			t.Errorf("%s does not say %q: %s", id, w, said)
		}
	}
	if want != isYes && !strings.Contains(said, "gate "+id) {
		t.Errorf("%s does not say what was asked: %s", id, said)
	}
}
