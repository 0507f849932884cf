package replset

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"cutover.dev/cutover/pkg/fault"
	"cutover.dev/cutover/pkg/replset/path"
)

func TestNoErrorShowsTheURI(t *testing.T) {
	for _, uri := range []string{
		"", "http://user:hunter2@host", "mongodb://user:hun%zzter2@host:1", "mongodb://user:hunter2@host:nonsense/", "mongodb://user:hunter2@",
		"mongodb://user:hunter2@host/?loadBalanced=true", "mongodb://user:hunter2@host/?unknownThing=%",
	} {
		s, err := Open(Options{URI: uri})
		if err == nil {
			if !strings.Contains(uri, "unknownThing") {
				t.Errorf("%q is taken: %v", uri, s.Seeds())
			}
			continue
		}
		if strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "ter2") || fault.CodeOf(err) != fault.Usage {
			t.Errorf("%q: %v (%v)", uri, err, fault.CodeOf(err))
		}
	}
}

func TestThePasswordIsMaskedHoweverItIsWritten(t *testing.T) {
	uri := "mongodb://mover:s3cret%2Fp%40ss@a:1,b:2/?authSource=admin"
	if got := Secrets(uri); !slices.Contains(got, "s3cret/p@ss") || !slices.Contains(got, "s3cret%2Fp%40ss") || !slices.Contains(got, uri) {
		t.Errorf("secrets are %q", got)
	}
	if got := Secrets("mongodb://a:1"); !slices.Equal(got, []string{"mongodb://a:1"}) {
		t.Errorf("secrets are %q", got)
	}
}

func config() Config {
	return Config{bson.D{
		{Key: "_id", Value: "rs0"},
		{Key: "version", Value: int32(7)},
		{Key: "term", Value: int64(3)},
		{Key: "members", Value: bson.A{
			bson.D{{Key: "_id", Value: int32(0)}, {Key: "host", Value: "a:1"}, {Key: "priority", Value: 0.5}, {Key: "horizons", Value: bson.D{{Key: "x", Value: "y:1"}}}},
			bson.D{{Key: "_id", Value: int32(4)}, {Key: "host", Value: "b:1"}, {Key: "hidden", Value: true}, {Key: "votes", Value: int64(0)}, {Key: "priority", Value: int32(0)}},
		}},
		{Key: "settings", Value: bson.D{{Key: "somethingNew", Value: bson.D{{Key: "x", Value: true}}}}},
	}}
}

func TestAChangeKeepsWhatItDoesNotKnow(t *testing.T) {
	c := config()
	want := c.Plan()
	want.Members[1].Votes, want.Members[1].Priority, want.Members[1].Hidden = 1, 0.5, false
	got, err := c.As(want)
	if err != nil {
		t.Fatal(err)
	}
	if m, _ := got.Member("b:1"); m.Votes != 1 || m.Priority != 0.5 || m.Hidden {
		t.Errorf("b is %+v", m)
	}
	if m, _ := c.Member("b:1"); m.Votes != 0 || !m.Hidden {
		t.Errorf("the base was changed: %+v", m)
	}
	for _, kept := range []string{`"horizons":{"x":"y:1"}`, `"somethingNew":{"x":true}`, `"priority":0.5`} {
		if !strings.Contains(got.essence(), kept) {
			t.Errorf("%s is gone: %s", kept, got.essence())
		}
	}
	back, err := got.As(c.Plan())
	if err != nil || !back.Same(c) {
		t.Errorf("there and back: %s, was %s (%v)", back.essence(), c.essence(), err)
	}
}

func TestOnlyAHiddenMemberWithoutVoteIsAdded(t *testing.T) {
	c := config()
	for _, m := range []path.Member{{ID: 9, Host: "c:1", Votes: 1, Priority: 1}, {ID: 9, Host: "c:1"}} {
		want := c.Plan()
		want.Members = append(want.Members, m)
		if _, err := c.As(want); err == nil {
			t.Errorf("%+v was added", m)
		}
	}
}

func TestTheSameIsWantedHoweverItIsWritten(t *testing.T) {
	a, b := config(), config()
	b.doc = set(b.doc, "version", int64(99))
	members := field(b.doc, "members").(bson.A)
	members[0] = append(members[0].(bson.D), bson.E{Key: "votes", Value: 1.0}, bson.E{Key: "arbiterOnly", Value: false}, bson.E{Key: "tags", Value: bson.D{}})
	if !a.Same(b) {
		t.Errorf("%s\n%s", a.essence(), b.essence())
	}
	for _, other := range []Config{a.With("a:1", 1, 1, false), a.Minus("b:1"), a.Plus(5, "c:1", nil)} {
		if a.Same(other) {
			t.Errorf("%s is taken for the same", other.essence())
		}
	}
}

func TestOldDriversAreToldFromNewOnes(t *testing.T) {
	for driver, old := range map[[2]string]bool{
		{"nodejs", "3.2.7"}: true, {"nodejs", "4.17.1"}: false, {"nodejs|mongoose", "3.1.13|5.3.1"}: true, {"PyMongo", "3.9.0"}: false,
		{"mongo-go-driver", "v2.10.0"}: false, {"mongo-java-driver|sync", "3.8.2"}: true, {"mine", "0.1"}: false, {"", ""}: false,
	} {
		if got := oldDriver(driver[0], driver[1]); got != old {
			t.Errorf("%v: %v", driver, got)
		}
	}
}

func TestAMemberThatMayNotBeAskedIsNotOneThatIsGone(t *testing.T) {
	v := View{Config: config(), Primary: "", Members: []Seen{{Member: Member{Host: "a:1"}}}}
	if got := v.Unsettled(); !strings.Contains(got, "accepts writes") {
		t.Errorf("without a primary: %q", got)
	}
	if err := noConfig(map[string]error{"a:1": &Error{Host: "a:1", Kind: Unreachable, Err: fault.New(fault.Unsure, "", "refused")}, "b:1": &Error{Host: "b:1", Kind: Rights, Code: 13, Err: fault.New(fault.Unsure, "", "not authorized")}}); !IsRights(err) {
		t.Errorf("one may not be asked: %v", err)
	}
}

// The text is the driver's, for a connection that its own monitor closed.
func TestWhoDoesNotAnswerHangsWhoeverNoticedFirst(t *testing.T) {
	over, cancel := context.WithDeadline(t.Context(), time.Now())
	defer cancel()
	closed := errors.New("connection(h:1[-425]) incomplete read of message header: read tcp h:2->h:1: use of closed network connection")
	refused := errors.New("server selection error: context deadline exceeded, Last error: dial tcp h:1: connect: connection refused")
	broke := errors.New("server selection error: context deadline exceeded, Last error: connection(h:1[-34]) incomplete read of message header: the way through the relay broke: read tcp: connection reset by peer")
	for what, c := range map[string]struct {
		ctx           context.Context
		err           error
		hangs, hungUp bool
	}{
		"the driver closed it":   {t.Context(), closed, true, false},
		"our time is over":       {over, context.DeadlineExceeded, true, false},
		"nobody listens":         {t.Context(), refused, false, false},
		"nobody listened":        {over, refused, false, false},
		"the other side hung up": {t.Context(), errors.New("read tcp: connection reset by peer"), false, true},
		"a proxy hung up":        {over, errors.New("server selection error: context deadline exceeded, Last error: connection(h:1[-34]) incomplete read of message header: connection closed unexpectedly by the other side: EOF"), false, true},
		"the relay broke":        {over, broke, false, false},
	} {
		err := classify(c.ctx, "h:1", "hello", c.err)
		if Hangs(err) != c.hangs || HangsUp(err) != c.hungUp {
			t.Errorf("%s: hangs is %v, hung up is %v", what, Hangs(err), HangsUp(err))
		}
	}
}

func TestWhoHangsUpDoesNotHang(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() //nolint:errcheck // it is the end
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_ = c.Close()
		}
	}()
	s, err := Open(Options{URI: "mongodb://" + l.Addr().String()})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close(context.WithoutCancel(t.Context()))
	if _, err := s.Node(l.Addr().String()).Hello(t.Context()); err == nil || Hangs(err) || !HangsUp(err) || !IsUnreachable(err) {
		t.Errorf("it is %v, hangs: %v, hangs up: %v", err, Hangs(err), HangsUp(err))
	}
}

// A primary behind a cut link says for some seconds that it is one still.
func TestOfTwoThatAcceptWritesTheOneOfTheLatestElectionCounts(t *testing.T) {
	elected := func(host string, n byte, term int64) Seen {
		return Seen{
			Member: Member{Host: host}, Status: Status{Term: term},
			Hello: hello(bson.D{{Key: "isWritablePrimary", Value: true}, {Key: "electionId", Value: bson.ObjectID{0: 0x7f, 11: n}}}),
		}
	}
	gone := elected("gone:1", 9, 9)
	gone.HelloErr = errors.New("cut")
	for name, members := range map[string][]Seen{
		"by the election": {gone, elected("stale:1", 3, 0), {Member: Member{Host: "follower:1"}}, elected("new:1", 4, 0)},
		"by the term":     {elected("stale:1", 0, 3), elected("new:1", 0, 4)},
	} {
		if got := leaders(members); len(got) != 2 || got[0].Host != "new:1" || got[1].Host != "stale:1" {
			t.Errorf("%s: %v", name, got)
		}
	}
}
