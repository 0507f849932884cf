package rulestest

import (
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// config is a configuration as the server gave it.
type config struct{ doc bson.D }

func reconfig(c *config) bson.D { return bson.D{{Key: "replSetReconfig", Value: c.doc}} }

func (c *config) version() int64 { return integer(value(c.doc, "version")) }
func (c *config) term() int64    { return integer(value(c.doc, "term")) }

func (c *config) members() bson.A {
	list, _ := value(c.doc, "members").(bson.A)
	return list
}

func (c *config) set(key string, v any) *config {
	c.doc = with(c.doc, key, v)
	return c
}

// member sets one field of the member of that host.
func (c *config) member(host, key string, v any) *config {
	list := slices.Clone(c.members())
	for i := range list {
		if m, _ := list[i].(bson.D); value(m, "host") == host {
			list[i] = with(m, key, v)
		}
	}
	return c.set("members", list)
}

// add appends a member of that _id, with these fields.
func (c *config) add(id int, host string, fields ...bson.E) *config {
	m := append(bson.D{{Key: "_id", Value: int32(id)}, {Key: "host", Value: host}}, fields...) //nolint:gosec // small
	return c.set("members", append(slices.Clone(c.members()), m))
}

func (c *config) remove(host string) *config {
	return c.set("members", slices.DeleteFunc(slices.Clone(c.members()), func(v any) bool {
		m, _ := v.(bson.D)
		return value(m, "host") == host
	}))
}

func (c *config) id(host string) int64 {
	for _, v := range c.members() {
		if m, _ := v.(bson.D); value(m, "host") == host {
			return integer(value(m, "_id"))
		}
	}
	return -1
}

func with(d bson.D, key string, v any) bson.D {
	d = slices.Clone(d)
	for i := range d {
		if d[i].Key == key {
			d[i].Value = v
			return d
		}
	}
	return append(d, bson.E{Key: key, Value: v})
}

func value(d bson.D, key string) any {
	for _, e := range d {
		if e.Key == key {
			return e.Value
		}
	}
	return nil
}

func truth(d bson.D, key string) bool {
	b, _ := value(d, key).(bool)
	return b
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
