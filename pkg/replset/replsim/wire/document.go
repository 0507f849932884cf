package wire

import (
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"cutover.dev/cutover/pkg/replset/replsim"
)

// hello tells everybody. Who asks for news waits for them, at most as long as it said.
func (s *Server) hello(host string, body bson.D) bson.D {
	known := int64(-1)
	if v, is := field(body, "topologyVersion"); is {
		d, _ := v.(bson.D)
		known = number(d, "counter")
	}
	until := time.Now().Add(time.Duration(number(body, "maxAwaitTimeMS")) * time.Millisecond)
	for {
		var h replsim.Hello
		var counter int64
		alive := false
		s.Do(func(sim *replsim.Sim) {
			if h, alive = sim.Hello(host); alive {
				counter = s.count(host, h)
			}
		})
		if alive && counter != known || !time.Now().Before(until) || s.ctx.Err() != nil {
			return s.tell(h, counter)
		}
		s.sleep()
	}
}

// count is the number of changes so far, of what does not change by itself.
func (s *Server) count(host string, h replsim.Hello) int64 {
	h.LastTerm, h.LastIndex, h.Majority = 0, 0, 0
	seen := s.seen[host]
	if p := fmt.Sprint(h); p != seen.print {
		seen.print = p
		seen.counter++
	}
	return seen.counter
}

// topology says how new the view of a server is.
func (s *Server) topology(host string) (e bson.E) {
	s.Do(func(sim *replsim.Sim) {
		if h, alive := sim.Hello(host); alive {
			e = version(h, s.count(host, h))
		}
	})
	return e
}

func version(h replsim.Hello, counter int64) bson.E {
	var process bson.ObjectID
	binary.BigEndian.PutUint64(process[:], uint64(h.Process)<<8|uint64(h.Life)) //nolint:gosec // small numbers
	return bson.E{Key: "topologyVersion", Value: bson.D{{Key: "processId", Value: process}, {Key: "counter", Value: counter}}}
}

func (s *Server) tell(h replsim.Hello, counter int64) bson.D {
	d := bson.D{
		{Key: "helloOk", Value: true},
		version(h, counter),
		{Key: "isWritablePrimary", Value: h.Writable},
		{Key: "ismaster", Value: h.Writable},
		{Key: "secondary", Value: h.Secondary},
	}
	if h.Fresh {
		d = append(d, bson.E{Key: "isreplicaset", Value: true}, bson.E{Key: "info", Value: "Does not have a valid replica set config"})
	} else {
		d = append(d, bson.E{Key: "setName", Value: h.Set}, bson.E{Key: "setVersion", Value: int32(h.Version)}, bson.E{Key: "me", Value: h.Me}, bson.E{Key: "hosts", Value: h.Hosts}) //nolint:gosec // versions are below 2^31
		for key, list := range map[string][]string{"passives": h.Passives, "arbiters": h.Arbiters} {
			if len(list) > 0 {
				d = append(d, bson.E{Key: key, Value: list})
			}
		}
		if h.Primary != "" {
			d = append(d, bson.E{Key: "primary", Value: h.Primary})
		}
		for key, is := range map[string]bool{"hidden": h.Hidden, "passive": h.Passive, "arbiterOnly": h.Arbiter} {
			if is {
				d = append(d, bson.E{Key: key, Value: true})
			}
		}
		if h.Writable {
			var election bson.ObjectID
			binary.BigEndian.PutUint64(election[4:], uint64(h.LastTerm)) //nolint:gosec // a term is positive
			d = append(d, bson.E{Key: "electionId", Value: election})
		}
		d = append(d, bson.E{Key: "lastWrite", Value: bson.D{
			{Key: "opTime", Value: opTime(h.LastTerm, h.LastIndex)},
			{Key: "lastWriteDate", Value: time.Now()},
			{Key: "majorityOpTime", Value: opTime(h.LastTerm, h.Majority)},
		}})
	}
	return append(d, bson.D{
		{Key: "maxBsonObjectSize", Value: int32(16 << 20)},
		{Key: "maxMessageSizeBytes", Value: int32(largest)},
		{Key: "maxWriteBatchSize", Value: int32(100000)},
		{Key: "localTime", Value: time.Now()},
		{Key: "logicalSessionTimeoutMinutes", Value: int32(30)},
		{Key: "connectionId", Value: int32(1)},
		{Key: "minWireVersion", Value: int32(0)},
		{Key: "maxWireVersion", Value: int32(17)},
		{Key: "readOnly", Value: false},
		ok,
	}...)
}

// opTime has the place in the oplog for its second part: nobody looks at more than its order.
func opTime(term int64, index int) bson.D {
	return bson.D{{Key: "ts", Value: bson.Timestamp{T: 1700000000, I: uint32(index)}}, {Key: "t", Value: term}} //nolint:gosec // an oplog of a test
}

// status is replSetGetStatus.
func (s *Server) status(sim *replsim.Sim, host string) bson.D {
	st, err := sim.GetStatus(host)
	if err != nil {
		return failed(err, false)
	}
	at := func(d time.Duration) time.Time {
		if d < 0 { // never
			return time.Unix(0, 0)
		}
		return s.started.Add(d)
	}
	members := bson.A{}
	for _, m := range st.Members {
		d := bson.D{
			{Key: "_id", Value: int32(m.ID)},
			{Key: "name", Value: m.Host},
			{Key: "health", Value: health(m.Healthy)},
			{Key: "state", Value: int32(m.State)}, //nolint:gosec // small
			{Key: "stateStr", Value: m.State.String()},
			{Key: "optime", Value: opTime(m.LastTerm, m.LastIndex)},
			{Key: "configVersion", Value: int32(m.Version)},
			{Key: "configTerm", Value: m.Term}, //nolint:gosec // below 2^31
		}
		if m.Self {
			d = append(d, bson.E{Key: "self", Value: true})
		} else {
			d = append(d, bson.E{Key: "lastHeartbeat", Value: at(m.Heard)}, bson.E{Key: "lastHeartbeatRecv", Value: at(m.Recv)}, bson.E{Key: "lastHeartbeatMessage", Value: m.Message})
			if !m.Healthy {
				d[4].Value = "(not reachable/healthy)"
			}
			if m.Unauthenticated {
				d = append(d, bson.E{Key: "authenticated", Value: false})
			}
		}
		members = append(members, d)
	}
	d := bson.D{
		{Key: "set", Value: sim.Set},
		{Key: "date", Value: time.Now()},
		{Key: "myState", Value: int32(st.State)},
		{Key: "term", Value: st.Term}, //nolint:gosec // small
		{Key: "syncSourceHost", Value: st.Source},
		{Key: "heartbeatIntervalMillis", Value: st.HeartbeatEvery.Milliseconds()},
		{Key: "majorityVoteCount", Value: int32(st.Majority)},
		{Key: "votingMembersCount", Value: int32(st.Voters)}, //nolint:gosec // small
		{Key: "optimes", Value: bson.D{{Key: "appliedOpTime", Value: opTime(st.LastTerm, st.LastIndex)}, {Key: "lastCommittedOpTime", Value: opTime(st.LastTerm, st.Commit)}}},
		{Key: "members", Value: members},
	}
	if st.Sync != nil {
		d = append(d, bson.E{Key: "initialSyncStatus", Value: bson.D{
			{Key: "method", Value: "logical"},
			{Key: "failedInitialSyncAttempts", Value: int32(0)},
			{Key: "approxTotalDataSize", Value: st.Sync.Total},
			{Key: "approxTotalBytesCopied", Value: st.Sync.Copied},
			{Key: "remainingInitialSyncEstimatedMillis", Value: st.Sync.Left.Milliseconds()},
		}})
	}
	if st.Won.Reason != "" {
		won := bson.D{{Key: "lastElectionReason", Value: st.Won.Reason}, {Key: "electionTerm", Value: st.Won.Term}, {Key: "lastElectionDate", Value: at(st.Won.At)}, {Key: "newTermStartDate", Value: at(st.Won.Open)}}
		if st.Won.Majority > 0 {
			won = append(won, bson.E{Key: "wMajorityWriteAvailabilityDate", Value: at(st.Won.Majority)})
		}
		d = append(d, bson.E{Key: "electionCandidateMetrics", Value: won})
	}
	return append(d, ok)
}

func health(is bool) float64 {
	if is {
		return 1
	}
	return 0
}

// words are the fields that a member may have.
var words = []string{"_id", "host", "arbiterOnly", "buildIndexes", "hidden", "priority", "tags", "horizons", "secondaryDelaySecs", "slaveDelay", "votes", "newlyAdded"}

// config reads a document as the server does: what is not there has the server's default.
func config(d bson.D) *replsim.Config {
	name, _ := field(d, "_id")
	c := &replsim.Config{Version: number(d, "version"), Protocol: number(d, "protocolVersion"), Doc: slices.Clone(d)}
	c.Name, _ = name.(string)
	if settings, _ := field(d, "settings"); settings != nil {
		sd, _ := settings.(bson.D)
		if id, is := field(sd, "replicaSetId"); is {
			if oid, is := id.(bson.ObjectID); is {
				c.Identity = oid.Hex()
			}
		}
	}
	list, _ := field(d, "members")
	members, _ := list.(bson.A)
	for _, v := range members {
		md, _ := v.(bson.D)
		m := replsim.Member{ID: int(number(md, "_id")), Votes: 1, Priority: 1, Hidden: truth(md, "hidden"), Arbiter: truth(md, "arbiterOnly"), Delay: number(md, "secondaryDelaySecs"), NewlyAdded: truth(md, "newlyAdded")}
		host, _ := field(md, "host")
		m.Host, _ = host.(string)
		for _, e := range md {
			switch {
			case e.Key == "votes":
				m.Votes = int(integer(e.Value))
			case e.Key == "priority":
				if f, is := e.Value.(float64); is {
					m.Priority = f
				} else {
					m.Priority = float64(integer(e.Value))
				}
			case e.Key == "buildIndexes":
				m.NoIndexes = !truth(md, "buildIndexes")
			case !slices.Contains(words, e.Key):
				m.UnknownWord = e.Key
			}
		}
		if _, is := field(md, "priority"); !is && m.Arbiter {
			m.Priority = 0
		}
		c.Members = append(c.Members, m)
	}
	return c
}

// document writes a configuration with every field that the server shows, and what else the client gave.
func document(c *replsim.Config) bson.D {
	given, _ := c.Doc.(bson.D)
	old, _ := field(given, "members")
	olds, _ := old.(bson.A)
	members := bson.A{}
	for _, m := range c.Members {
		d := bson.D{
			{Key: "_id", Value: int32(m.ID)},
			{Key: "host", Value: m.Host},
			{Key: "arbiterOnly", Value: m.Arbiter},
			{Key: "buildIndexes", Value: !m.NoIndexes}, //nolint:gosec // below 2^31
			{Key: "hidden", Value: m.Hidden},
			{Key: "priority", Value: m.Priority},
			{Key: "tags", Value: bson.D{}},
			{Key: "secondaryDelaySecs", Value: m.Delay},
			{Key: "votes", Value: int32(m.Votes)}, //nolint:gosec // 0 or 1
		}
		for _, v := range olds {
			if od, _ := v.(bson.D); number(od, "_id") == int64(m.ID) {
				if tags, is := field(od, "tags"); is {
					d[6].Value = tags
				}
			}
		}
		members = append(members, d)
	}
	settings, is := field(given, "settings")
	if id, err := bson.ObjectIDFromHex(c.Identity); !is && err == nil {
		settings = bson.D{
			{Key: "chainingAllowed", Value: true},
			{Key: "heartbeatIntervalMillis", Value: int32(2000)},
			{Key: "heartbeatTimeoutSecs", Value: int32(10)},
			{Key: "electionTimeoutMillis", Value: int32(10000)},
			{Key: "replicaSetId", Value: id},
		}
	}
	return bson.D{
		{Key: "_id", Value: c.Name}, {Key: "version", Value: int32(c.Version)}, {Key: "term", Value: c.Term}, {Key: "members", Value: members}, //nolint:gosec // below 2^31
		{Key: "protocolVersion", Value: int64(1)}, {Key: "writeConcernMajorityJournalDefault", Value: true}, {Key: "settings", Value: settings},
	}
}
