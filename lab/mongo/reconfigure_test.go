package mongo

import (
	"reflect"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"
)

func TestOnlyTheMemberThatIsMeantChanges(t *testing.T) {
	config := bson.M{"version": int32(7), "term": int64(3), "members": bson.A{
		bson.D{{Key: "_id", Value: 0}, {Key: "host", Value: "a:1"}, {Key: "votes", Value: 1}},
		bson.D{{Key: "_id", Value: 1}, {Key: "host", Value: "b:1"}, {Key: "votes", Value: 0}},
	}}
	err := next(config, func(host string) map[string]any {
		if host == "b:1" {
			return map[string]any{"votes": 1, "priority": 2}
		}
		return nil
	})
	want := bson.M{"version": int32(8), "term": int64(3), "members": bson.A{
		bson.D{{Key: "_id", Value: 0}, {Key: "host", Value: "a:1"}, {Key: "votes", Value: 1}},
		bson.D{{Key: "_id", Value: 1}, {Key: "host", Value: "b:1"}, {Key: "votes", Value: 1}, {Key: "priority", Value: 2}},
	}}
	if err != nil || !reflect.DeepEqual(config, want) {
		t.Errorf("it is %v (%v), want %v", config, err, want)
	}
	if err := next(bson.M{"version": int32(1)}, nil); err == nil {
		t.Error("a configuration without members was taken")
	}
}
