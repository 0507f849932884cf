package mongo

import (
	"errors"
	"fmt"
	"reflect"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"
	driver "go.mongodb.org/mongo-driver/v2/mongo"
)

func TestASetThatIsBusyIsAskedAgainAndOneThatRefusesIsNot(t *testing.T) {
	for _, c := range []struct {
		err  error
		busy bool
	}{
		{driver.CommandError{Code: 109, Message: "updating"}, true},
		{fmt.Errorf("change the configuration of the set: %w", driver.CommandError{Code: 10107}), true},
		{errors.Join(ErrNoPrimary, errors.New("one is down")), true},
		{driver.CommandError{Code: 103, Message: "at most 1 voting member"}, false},
		{errors.New("no route to host"), false},
	} {
		if got := passes(c.err); got != c.busy {
			t.Errorf("%v: busy is %v", c.err, got)
		}
	}
}

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
