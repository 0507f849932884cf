package wire

import (
	"fmt"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"cutover.dev/cutover/pkg/replset/replsim"
)

// answer does one command. errGone: the process died, or nobody will ever answer.
func (s *Server) answer(host string, q question) (bson.D, error) {
	if len(q.body) == 0 {
		return nil, errGone
	}
	if err := s.hold(host); err != nil {
		return nil, err
	}
	if q.double != "" {
		return failed(&replsim.Error{Code: 40413, Name: "Location40413", Message: fmt.Sprintf("BSON field '%s' is a duplicate field", q.double)}, false), nil
	}
	switch instead := s.intercept(host, q.body[0].Key); {
	case instead == nil:
	case instead == Well:
		return bson.D{ok}, nil
	case instead.Code == replsim.Network:
		return nil, errGone
	default:
		return failed(instead, false), nil
	}
	switch q.body[0].Key {
	case "hello", "ismaster", "isMaster":
		return s.hello(host, q.body), nil
	case "replSetReconfig", "replSetStepDown", "insert", "appendOplogNote":
		return s.wait(host, q.body)
	}
	var reply bson.D
	s.Do(func(sim *replsim.Sim) { reply = s.now(sim, host, q.body) })
	return reply, nil
}

// now answers what takes no time.
func (s *Server) now(sim *replsim.Sim, host string, body bson.D) bson.D {
	if reply := s.tells(sim, host, body); reply != nil {
		return reply
	}
	switch body[0].Key {
	case "ping", "endSessions", "killCursors":
		return bson.D{ok}
	case "replSetGetConfig":
		c, committed, err := sim.GetConfig(host, truth(body, "commitmentStatus"))
		if err != nil {
			return failed(err, false)
		}
		reply := bson.D{{Key: "config", Value: document(c)}}
		if truth(body, "commitmentStatus") {
			reply = append(reply, bson.E{Key: "commitmentStatus", Value: committed})
		}
		return append(reply, ok)
	case "replSetGetStatus":
		return s.status(sim, host)
	case "replSetFreeze":
		d := time.Duration(number(body, "replSetFreeze")) * time.Second
		if err := sim.Freeze(host, d); err != nil {
			return failed(err, false)
		}
		if d == 0 {
			return bson.D{{Key: "info", Value: "unfreezing"}, ok}
		}
		return bson.D{ok}
	case "replSetInitiate":
		doc, _ := body[0].Value.(bson.D)
		if err := sim.Initiate(host, config(doc)); err != nil {
			return failed(err, false)
		}
		return bson.D{ok}
	case "find":
		if body[0].Value == "oplog.rs" {
			return s.facts[host].oplog(body)
		}
		return find(sim, host, body)
	}
	return failed(&replsim.Error{Code: 59, Name: "CommandNotFound", Message: fmt.Sprintf("no such command: '%s'", body[0].Key)}, false)
}

// note is the id of a write that is nobody's: it only makes the last write of a set newer.
const note = -1

// wait answers what takes its time, and lets that pass.
func (s *Server) wait(host string, body bson.D) (bson.D, error) {
	answers := make(chan *replsim.Error, 1)
	reply := func(e *replsim.Error) { answers <- e }
	limit := time.Duration(number(body, "maxTimeMS")) * time.Millisecond
	s.Do(func(sim *replsim.Sim) {
		switch body[0].Key {
		case "replSetReconfig":
			doc, _ := body[0].Value.(bson.D)
			sim.Reconfig(host, config(doc), truth(body, "force"), limit, reply)
		case "replSetStepDown":
			period, catchUp := time.Duration(number(body, "replSetStepDown"))*time.Second, 10*time.Second
			if v, is := field(body, "secondaryCatchUpPeriodSecs"); is {
				catchUp = time.Duration(integer(v)) * time.Second
			}
			sim.StepDown(host, period, catchUp, truth(body, "force"), limit, reply)
		case "appendOplogNote":
			sim.Insert(host, note, 1, reply)
		default:
			sim.Insert(host, idOf(body), concern(body), reply)
		}
	})
	select {
	case <-s.ctx.Done():
		return nil, errGone
	case e := <-answers:
		if err := s.hold(host); err != nil {
			return nil, err
		}
		switch {
		case e == nil && body[0].Key == "insert":
			return bson.D{{Key: "n", Value: int32(1)}, ok}, nil
		case e == nil:
			return bson.D{ok}, nil
		case e.Code == replsim.Network:
			return nil, errGone
		case e.Written:
			return bson.D{{Key: "n", Value: int32(1)}, {Key: "writeConcernError", Value: bson.D{
				{Key: "code", Value: int32(e.Code)}, {Key: "codeName", Value: e.Name}, {Key: "errmsg", Value: e.Message},
			}}, ok}, nil
		}
		_, retryable := field(body, "txnNumber")
		return failed(e, retryable), nil
	}
}

var ok = bson.E{Key: "ok", Value: 1.0}

func failed(e *replsim.Error, retryable bool) bson.D {
	d := bson.D{{Key: "ok", Value: 0.0}, {Key: "errmsg", Value: e.Message}, {Key: "code", Value: int32(e.Code)}, {Key: "codeName", Value: e.Name}} //nolint:gosec // codes are small
	if retryable {
		d = append(d, bson.E{Key: "errorLabels", Value: bson.A{"RetryableWriteError"}})
	}
	return d
}

// idOf is the number of the document that is inserted.
func idOf(body bson.D) int64 {
	docs, _ := field(body, "documents")
	list, _ := docs.(bson.A)
	if len(list) == 0 {
		return 0
	}
	d, _ := list[0].(bson.D)
	return number(d, "_id")
}

// concern is how many members have to have a write; 0 = a majority, as is the default.
func concern(body bson.D) int {
	wc, _ := field(body, "writeConcern")
	d, _ := wc.(bson.D)
	if w, is := field(d, "w"); is {
		return int(integer(w))
	}
	return 0
}

func find(sim *replsim.Sim, host string, body bson.D) bson.D {
	filter, _ := field(body, "filter")
	d, _ := filter.(bson.D)
	found := bson.A{}
	if id := number(d, "_id"); sim.Has(host, id) {
		found = append(found, bson.D{{Key: "_id", Value: id}})
	}
	name, _ := body[0].Value.(string)
	return batch("test."+name, found)
}

func field(d bson.D, key string) (any, bool) {
	for _, e := range d {
		if e.Key == key {
			return e.Value, true
		}
	}
	return nil, false
}

func truth(d bson.D, key string) bool {
	v, _ := field(d, key)
	b, is := v.(bool)
	return b || !is && integer(v) != 0
}

func number(d bson.D, key string) int64 {
	v, _ := field(d, key)
	return integer(v)
}

func integer(v any) int64 {
	switch n := v.(type) {
	case int32:
		return int64(n)
	case int64:
		return n
	case float64:
		return int64(n)
	}
	return 0
}
