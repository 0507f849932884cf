package wire

import (
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"cutover.dev/cutover/pkg/replset/replsim"
)

// Facts is what a server says of itself that no rule of a replica set depends on.
type Facts struct {
	Version       string   // of the program
	Compatibility string   // the feature compatibility version
	Target        string   // the one that it is on its way to, "" it is at rest
	Config        string   // the file that it was started with
	Programs      []string // who is connected, but for us
	Databases     []string // those of somebody; in no set it shows them only if there are any, as one without authentication does
	Size          int64    // bytes of all of them
	OplogSize     int64    // bytes, of OplogMax
	OplogMax      int64
	Window        time.Duration // that the oplog reaches back
	WriteConcern  bool          // somebody set a default one for the whole set
}

func usual() *Facts {
	return &Facts{Version: "6.0.5", Compatibility: "6.0", Size: 1 << 20, OplogSize: 1 << 20, OplogMax: 64 << 20, Window: time.Hour}
}

// Tell changes what a server says of itself.
func (s *Server) Tell(host string, change func(*Facts)) {
	s.Do(func(*replsim.Sim) { change(s.facts[host]) })
}

// Dropped lists to whom a server was told to drop its connections, in order.
func (s *Server) Dropped(host string) (all []string) {
	s.Do(func(*replsim.Sim) { all = append(all, s.dropped[host]...) })
	return all
}

// Skip lets that much time of the servers pass at once.
func (s *Server) Skip(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.started = s.started.Add(-d / time.Duration(max(s.pace, 1)))
	s.advance()
}

// tells answers what is asked for facts, nil: it is not.
func (s *Server) tells(sim *replsim.Sim, host string, body bson.D) bson.D {
	f := s.facts[host]
	switch body[0].Key {
	case "buildInfo":
		return bson.D{{Key: "version", Value: f.Version}, ok}
	case "getParameter":
		fcv := bson.D{{Key: "version", Value: f.Compatibility}}
		if f.Target != "" {
			fcv = append(fcv, bson.E{Key: "targetVersion", Value: f.Target}, bson.E{Key: "previousVersion", Value: f.Compatibility})
		}
		return bson.D{{Key: "featureCompatibilityVersion", Value: fcv}, ok}
	case "getCmdLineOpts":
		return bson.D{{Key: "parsed", Value: bson.D{{Key: "config", Value: f.Config}}}, ok}
	case "getDefaultRWConcern":
		source := "implicit"
		if f.WriteConcern {
			source = "global"
		}
		return bson.D{{Key: "defaultWriteConcernSource", Value: source}, ok}
	case "collStats":
		return bson.D{{Key: "size", Value: f.OplogSize}, {Key: "maxSize", Value: f.OplogMax}, ok}
	case "dropConnections":
		hosts, _ := field(body, "hostAndPort")
		list, _ := hosts.(bson.A)
		for _, h := range list {
			name, _ := h.(string)
			s.dropped[host] = append(s.dropped[host], name)
		}
		return bson.D{ok}
	case "aggregate":
		if st, err := sim.GetStatus(host); err == nil && st.State == replsim.Startup2 {
			return failed(&replsim.Error{Code: 13436, Name: "NotPrimaryOrSecondary", Message: "node is not in primary or recovering state"}, false)
		}
		return f.currentOp()
	case "listDatabases":
		if h, _ := sim.Hello(host); h.Fresh && len(f.Databases) == 0 {
			return failed(&replsim.Error{Code: 13, Name: "Unauthorized", Message: "command listDatabases requires authentication"}, false)
		}
		all := bson.A{}
		for _, name := range append([]string{"admin", "config", "local"}, f.Databases...) {
			all = append(all, bson.D{{Key: "name", Value: name}})
		}
		return bson.D{{Key: "databases", Value: all}, {Key: "totalSize", Value: f.Size}, ok}
	}
	return nil
}

func (f *Facts) currentOp() bson.D {
	all := bson.A{}
	for _, name := range f.Programs {
		all = append(all, bson.D{{Key: "_id", Value: bson.D{
			{Key: "client", Value: "192.0.2.9:50000"},
			{Key: "app", Value: name},
			{Key: "meta", Value: bson.D{{Key: "driver", Value: bson.D{{Key: "name", Value: "mongo-go-driver"}, {Key: "version", Value: "1.12.0"}}}}},
		}}})
	}
	return batch("admin.$cmd.aggregate", all)
}

// oplog is its first entry, or its last one.
func (f *Facts) oplog(body bson.D) bson.D {
	at := uint32(1700000000)
	sort, _ := field(body, "sort")
	if d, _ := sort.(bson.D); number(d, "$natural") < 0 {
		at += uint32(f.Window / time.Second) //nolint:gosec // of a test
	}
	return batch("local.oplog.rs", bson.A{bson.D{{Key: "ts", Value: bson.Timestamp{T: at, I: 1}}}})
}

func batch(ns string, all bson.A) bson.D {
	return bson.D{{Key: "cursor", Value: bson.D{{Key: "firstBatch", Value: all}, {Key: "id", Value: int64(0)}, {Key: "ns", Value: ns}}}, ok}
}
