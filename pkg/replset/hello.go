package replset

import (
	"context"
	"slices"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// Hello is what a member says of itself to everybody.
type Hello struct {
	Set       string // "" of a member that is in none: new, or removed
	Fresh     bool   // it was started for a set, and has no configuration that it takes part in
	Me        string // its own name in the configuration
	Primary   string // whom it takes for the primary
	Election  string // of one that accepts writes: which one made it so; a later one is greater
	Writable  bool   // it accepts writes. That the state is PRIMARY is not enough: a primary that catches up does not
	Secondary bool
	Hosts     []string // who clients are told of: electable members and passive ones
	Process   string   // names the process, whichever way it was reached
	Wire      int64    // the newest version of the protocol it speaks
	Last      OpTime   // the last write it has
	LastDate  time.Time
	At        time.Time // when it answered
}

// OpTime orders writes of one set.
type OpTime struct {
	T, I uint32 // seconds, and the number in the second
	Term int64
}

// Compare orders by term, then by time.
func (o OpTime) Compare(other OpTime) int {
	switch {
	case o.Term != other.Term:
		return sign(o.Term < other.Term)
	case o.T != other.T:
		return sign(o.T < other.T)
	case o.I != other.I:
		return sign(o.I < other.I)
	}
	return 0
}

func sign(less bool) int {
	if less {
		return -1
	}
	return 1
}

// IsZero: it has no write at all.
func (o OpTime) IsZero() bool { return o.T == 0 && o.I == 0 }

func opTime(d bson.D) OpTime {
	ts, _ := field(d, "ts").(bson.Timestamp)
	return OpTime{T: ts.T, I: ts.I, Term: integer(d, "t")}
}

// Hello asks without credentials: a member that knows no user yet would refuse the handshake.
func (n *Node) Hello(ctx context.Context) (Hello, error) {
	d, err := n.ask(ctx, false, bson.D{{Key: "hello", Value: 1}})
	if err != nil {
		return Hello{}, err
	}
	return hello(d), nil
}

// Large asks without credentials for something long, in a question of so many bytes more than it takes: it shows whether large
// packets arrive, both ways.
func (n *Node) Large(ctx context.Context, bytes int) error {
	_, err := n.ask(ctx, false, bson.D{{Key: "listCommands", Value: 1}, {Key: "comment", Value: strings.Repeat("0", bytes)}})
	return err
}

func hello(d bson.D) Hello {
	h := Hello{
		Set: text(d, "setName"), Fresh: truth(d, "isreplicaset") && !has(d, "setName"), Me: text(d, "me"), Primary: text(d, "primary"),
		Writable: truth(d, "isWritablePrimary"), Secondary: truth(d, "secondary"), Wire: integer(d, "maxWireVersion"), At: time.Now(),
	}
	if id, ok := field(document(d, "topologyVersion"), "processId").(bson.ObjectID); ok {
		h.Process = id.Hex()
	}
	if id, ok := field(d, "electionId").(bson.ObjectID); ok {
		h.Election = id.Hex()
	}
	for _, key := range []string{"hosts", "passives"} {
		list, _ := field(d, key).(bson.A)
		for _, v := range list {
			if s, ok := v.(string); ok {
				h.Hosts = append(h.Hosts, s)
			}
		}
	}
	slices.Sort(h.Hosts)
	last := document(d, "lastWrite")
	h.Last, h.LastDate = opTime(document(last, "opTime")), instant(last, "lastWriteDate")
	return h
}

// Config is the configuration that this member has. committed is only told by a writable primary: a majority of the voters
// has it, and the last write before it.
func (n *Node) Config(ctx context.Context, primary bool) (c Config, committed bool, err error) {
	cmd := bson.D{{Key: "replSetGetConfig", Value: 1}}
	if primary {
		cmd = append(cmd, bson.E{Key: "commitmentStatus", Value: true})
	}
	d, err := n.ask(ctx, true, cmd)
	if err != nil {
		return Config{}, false, err
	}
	return Config{document(d, "config")}, truth(d, "commitmentStatus"), nil
}

// Status is how a member sees the set.
type Status struct {
	Me      string
	State   string // of the member itself: PRIMARY, SECONDARY, STARTUP2, …
	Term    int64
	Peers   []Peer
	Sync    *Sync     // while it copies its first data
	Won     *Election // on who won the last one that it stood for
	TooOld  bool      // it is too far behind to catch up
	Applied OpTime
}

// Peer is one member in the eyes of another.
type Peer struct {
	ID               int64
	Host             string
	Self             bool
	Healthy          bool
	State            string
	Message          string // of the last heartbeat: what is wrong
	Unauthenticated  bool   // it has another key
	Heard, HeardFrom time.Time
	Source           string // whom it copies from
	Version, Term    int64  // of its configuration
	Ping             int64  // ms
}

// Sync is how far an initial sync is.
type Sync struct {
	Copied, Total int64 // bytes, 0 while it is not known
	Left          time.Duration
	Failed        int64 // attempts
	Method        string
}

// Election is what the server itself measured of the last election that a member won.
type Election struct {
	Reason   string // stepUpRequestSkipDryRun: the old primary handed over
	Term     int64
	At       time.Time
	NewTerm  time.Time // it accepted writes
	Majority time.Time // a write of its own term was acknowledged by a majority; zero until then
}

// Status asks a member how it sees the set.
func (n *Node) Status(ctx context.Context) (Status, error) {
	d, err := n.ask(ctx, true, bson.D{{Key: "replSetGetStatus", Value: 1}, {Key: "initialSync", Value: 1}})
	if err != nil {
		return Status{}, err
	}
	return status(d), nil
}

func status(d bson.D) Status {
	s := Status{Term: integer(d, "term"), TooOld: truth(d, "tooStale"), Applied: opTime(document(document(d, "optimes"), "appliedOpTime"))}
	for _, m := range documents(d, "members") {
		p := Peer{
			ID: integer(m, "_id"), Host: text(m, "name"), Self: truth(m, "self"), Healthy: number(m, "health") == 1, State: text(m, "stateStr"),
			Message: text(m, "lastHeartbeatMessage"), Heard: instant(m, "lastHeartbeat"), HeardFrom: instant(m, "lastHeartbeatRecv"),
			Source: text(m, "syncSourceHost"), Version: integer(m, "configVersion"), Term: integer(m, "configTerm"), Ping: integer(m, "pingMs"),
		}
		p.Unauthenticated = has(m, "authenticated") && !truth(m, "authenticated")
		if p.Self {
			s.Me, s.State = p.Host, p.State
		}
		s.Peers = append(s.Peers, p)
	}
	if i := document(d, "initialSyncStatus"); i != nil {
		s.Sync = &Sync{
			Copied: integer(i, "approxTotalBytesCopied"), Total: integer(i, "approxTotalDataSize"), Failed: integer(i, "failedInitialSyncAttempts"),
			Left: time.Duration(integer(i, "remainingInitialSyncEstimatedMillis")) * time.Millisecond, Method: text(i, "method"),
		}
	}
	if e := document(d, "electionCandidateMetrics"); e != nil {
		s.Won = &Election{
			Reason: text(e, "lastElectionReason"), Term: integer(e, "electionTerm"), At: instant(e, "lastElectionDate"),
			NewTerm: instant(e, "newTermStartDate"), Majority: instant(e, "wMajorityWriteAvailabilityDate"),
		}
	}
	return s
}

// Peer returns how a member is seen.
func (s Status) Peer(host string) (Peer, bool) {
	for _, p := range s.Peers {
		if p.Host == host {
			return p, true
		}
	}
	return Peer{}, false
}

// Source is whom the member itself copies from, in words.
func (s Status) Source() string {
	if p, ok := s.Peer(s.Me); ok && p.Source != "" {
		return p.Source
	}
	return "nobody yet"
}
