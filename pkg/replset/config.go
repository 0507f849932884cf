package replset

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// Config is the configuration of a set as the server gave it, field by field. It is never read into a struct and written
// back: what this program does not know of must survive it.
type Config struct{ doc bson.D }

// Member is what this program knows of one member of a configuration.
type Member struct {
	ID       int64
	Host     string
	Votes    int
	Priority float64
	Hidden   bool
	Arbiter  bool
	Delay    int64 // seconds
	Tags     map[string]string
}

// Name is the name of the set, "" of no configuration.
func (c Config) Name() string { return text(c.doc, "_id") }

// Version counts changes. Together with Term it names one configuration.
func (c Config) Version() int64 { return integer(c.doc, "version") }

// Term is the term of the primary that installed it.
func (c Config) Term() int64 { return integer(c.doc, "term") }

// Identity is what makes it this set and no other of the same name, "" where the server does not tell.
func (c Config) Identity() string {
	id, ok := field(document(c.doc, "settings"), "replicaSetId").(bson.ObjectID)
	if !ok {
		return ""
	}
	return id.Hex()
}

// Empty: there is none.
func (c Config) Empty() bool { return len(c.doc) == 0 }

// ElectionTimeout in milliseconds.
func (c Config) ElectionTimeout() int64 {
	return integer(document(c.doc, "settings"), "electionTimeoutMillis")
}

func (c Config) String() string {
	return fmt.Sprintf("%s (term %d, version %d)", c.Name(), c.Term(), c.Version())
}

// Members in their order.
func (c Config) Members() []Member {
	var all []Member
	for _, d := range documents(c.doc, "members") {
		m := Member{
			ID: integer(d, "_id"), Host: text(d, "host"), Votes: 1, Priority: 1, Hidden: truth(d, "hidden"), Arbiter: truth(d, "arbiterOnly"),
			Delay: integer(d, "secondaryDelaySecs") + integer(d, "slaveDelay"),
		}
		if has(d, "votes") {
			m.Votes = int(integer(d, "votes"))
		}
		if has(d, "priority") {
			m.Priority = number(d, "priority")
		}
		for _, t := range document(d, "tags") {
			if s, ok := t.Value.(string); ok {
				if m.Tags == nil {
					m.Tags = map[string]string{}
				}
				m.Tags[t.Key] = s
			}
		}
		all = append(all, m)
	}
	return all
}

// Member returns the member of that name.
func (c Config) Member(host string) (Member, bool) {
	for _, m := range c.Members() {
		if m.Host == host {
			return m, true
		}
	}
	return Member{}, false
}

// MaxID is the largest _id of a member.
func (c Config) MaxID() int64 {
	top := int64(-1)
	for _, m := range c.Members() {
		top = max(top, m.ID)
	}
	return top
}

// With is a copy in which a member has these votes, this priority, and is hidden or not. Every other field is as it was.
func (c Config) With(host string, votes int, priority float64, hidden bool) Config {
	out := Config{clone(c.doc)}
	for i, d := range documents(out.doc, "members") {
		if text(d, "host") != host {
			continue
		}
		d = set(d, "votes", int32(votes)) //nolint:gosec // 0 or 1
		d = set(d, "priority", priority)
		if hidden || has(d, "hidden") {
			d = set(d, "hidden", hidden)
		}
		field(out.doc, "members").(bson.A)[i] = d //nolint:forcetypeassert // documents came out of it
	}
	return out
}

// Plus is a copy with one member more: no vote, no priority, hidden.
func (c Config) Plus(id int64, host string, tags map[string]string) Config {
	d := bson.D{
		{Key: "_id", Value: id},
		{Key: "host", Value: host},
		{Key: "priority", Value: float64(0)},
		{Key: "votes", Value: int32(0)},
		{Key: "hidden", Value: true},
	}
	if len(tags) > 0 {
		t := bson.D{}
		for _, key := range sortedKeys(tags) {
			t = append(t, bson.E{Key: key, Value: tags[key]})
		}
		d = append(d, bson.E{Key: "tags", Value: t})
	}
	out := Config{clone(c.doc)}
	list, _ := field(out.doc, "members").(bson.A)
	out.doc = set(out.doc, "members", append(list, d))
	return out
}

// Minus is a copy without a member.
func (c Config) Minus(host string) Config {
	out := Config{clone(c.doc)}
	list, _ := field(out.doc, "members").(bson.A)
	out.doc = set(out.doc, "members", slices.DeleteFunc(list, func(v any) bool {
		d, ok := v.(bson.D)
		return ok && text(d, "host") == host
	}))
	return out
}

// next is a copy that the server takes for the successor: of two with the same base the second is refused.
func (c Config) next() Config {
	out := Config{clone(c.doc)}
	out.doc = set(out.doc, "version", int32(c.Version()+1)) //nolint:gosec // the server keeps it below 2^31
	return out
}

// Same reports whether two configurations want the same: version and term, and how numbers are written, do not matter.
func (c Config) Same(other Config) bool { return c.essence() == other.essence() }

// essence is the configuration without what changes by itself, in one notation.
func (c Config) essence() string {
	d := clone(c.doc)
	d = slices.DeleteFunc(d, func(e bson.E) bool { return e.Key == "version" || e.Key == "term" })
	for i, m := range documents(d, "members") {
		m = slices.DeleteFunc(m, func(e bson.E) bool { return isDefault(e) })
		field(d, "members").(bson.A)[i] = m //nolint:forcetypeassert // documents came out of it
	}
	b, err := json.Marshal(plainValue(d))
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// isDefault: the server adds it to a member that was written without it.
func isDefault(e bson.E) bool {
	one := bson.D{e}
	switch e.Key {
	case "arbiterOnly", "hidden":
		return !truth(one, e.Key)
	case "buildIndexes":
		return truth(one, e.Key)
	case "votes", "priority":
		return number(one, e.Key) == 1
	case "secondaryDelaySecs", "slaveDelay":
		return number(one, e.Key) == 0
	case "tags":
		return len(document(one, e.Key)) == 0
	}
	return false
}

// plainValue is what JSON makes of it, with one kind of number and sorted keys.
func plainValue(v any) any {
	switch v := v.(type) {
	case bson.D:
		m := map[string]any{}
		for _, e := range v {
			m[e.Key] = plainValue(e.Value)
		}
		return m
	case bson.A:
		out := make([]any, len(v))
		for i := range v {
			out[i] = plainValue(v[i])
		}
		return out
	case int32:
		return float64(v)
	case int64:
		return float64(v)
	case bson.ObjectID:
		return v.Hex()
	}
	return v
}

// MarshalJSON writes extended JSON, in which no type gets lost.
func (c Config) MarshalJSON() ([]byte, error) {
	if c.Empty() {
		return []byte("null"), nil
	}
	return bson.MarshalExtJSON(c.doc, true, false)
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (c *Config) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		*c = Config{}
		return nil
	}
	var d bson.D
	if err := bson.UnmarshalExtJSON(b, true, &d); err != nil {
		return fmt.Errorf("read the configuration of a replica set: %w", err)
	}
	if len(d) == 0 {
		return errors.New("read the configuration of a replica set: it is empty")
	}
	c.doc = d
	return nil
}

func sortedKeys[T any](m map[string]T) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// Special names what in a configuration new members would need a share of that nobody here knows, "" for nothing.
func (c Config) Special() string {
	if modes := document(document(c.doc, "settings"), "getLastErrorModes"); len(modes) > 0 {
		return "write concerns of its own (settings.getLastErrorModes)"
	}
	if truth(c.doc, "configsvr") {
		return "the role of a config server"
	}
	for _, m := range documents(c.doc, "members") {
		if len(document(m, "horizons")) > 0 {
			return "other names for clients outside (horizons)"
		}
	}
	return ""
}
