package replset

import (
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// The server writes the same number as int32, int64 or double, whichever it likes. These read a field of a reply and take the
// zero value for one that is missing.

func field(d bson.D, key string) any {
	for _, e := range d {
		if e.Key == key {
			return e.Value
		}
	}
	return nil
}

func has(d bson.D, key string) bool {
	for _, e := range d {
		if e.Key == key {
			return true
		}
	}
	return false
}

func number(d bson.D, key string) float64 {
	switch v := field(d, key).(type) {
	case int32:
		return float64(v)
	case int64:
		return float64(v)
	case float64:
		return v
	}
	return 0
}

func integer(d bson.D, key string) int64 {
	switch v := field(d, key).(type) {
	case int32:
		return int64(v)
	case int64:
		return v
	case float64:
		return int64(v)
	}
	return 0
}

func text(d bson.D, key string) string {
	s, _ := field(d, key).(string)
	return s
}

func truth(d bson.D, key string) bool {
	switch v := field(d, key).(type) {
	case bool:
		return v
	case int32:
		return v != 0
	case float64:
		return v != 0
	}
	return false
}

func document(d bson.D, key string) bson.D {
	v, _ := field(d, key).(bson.D)
	return v
}

func documents(d bson.D, key string) []bson.D {
	list, _ := field(d, key).(bson.A)
	var out []bson.D
	for _, v := range list {
		if e, ok := v.(bson.D); ok {
			out = append(out, e)
		}
	}
	return out
}

func instant(d bson.D, key string) time.Time {
	v, ok := field(d, key).(bson.DateTime)
	if !ok {
		return time.Time{}
	}
	return v.Time()
}

// set puts a field where it is, or at the end.
func set(d bson.D, key string, value any) bson.D {
	for i := range d {
		if d[i].Key == key {
			d[i].Value = value
			return d
		}
	}
	return append(d, bson.E{Key: key, Value: value})
}

// clone is a deep copy.
func clone(d bson.D) bson.D {
	out := make(bson.D, len(d))
	for i, e := range d {
		out[i] = bson.E{Key: e.Key, Value: cloneValue(e.Value)}
	}
	return out
}

func cloneValue(v any) any {
	switch v := v.(type) {
	case bson.D:
		return clone(v)
	case bson.A:
		out := make(bson.A, len(v))
		for i := range v {
			out[i] = cloneValue(v[i])
		}
		return out
	}
	return v
}
