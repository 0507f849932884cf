package mongo

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"go.mongodb.org/mongo-driver/v2/bson"
)

func TestAConfigurationIsReadAsAMemberTellsIt(t *testing.T) {
	b, err := bson.Marshal(bson.D{{Key: "ok", Value: 1.0}, {Key: "config", Value: bson.D{
		{Key: "_id", Value: "rs0"},
		{Key: "version", Value: int32(7)},
		{Key: "members", Value: bson.A{
			bson.D{{Key: "host", Value: "b:1"}, {Key: "hidden", Value: false}, {Key: "priority", Value: 1.0}, {Key: "votes", Value: int32(1)}},
			bson.D{{Key: "host", Value: "a:1"}, {Key: "hidden", Value: true}, {Key: "priority", Value: 0.0}, {Key: "votes", Value: int32(0)}},
		}},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	var answer struct{ Config Config }
	if err := bson.Unmarshal(b, &answer); err != nil {
		t.Fatal(err)
	}
	want := Config{7, []ConfigMember{{Host: "b:1", Votes: 1, Priority: 1}, {Host: "a:1", Hidden: true}}}
	if got := answer.Config; !reflect.DeepEqual(got, want) || !slices.Equal(got.Hosts(), []string{"b:1", "a:1"}) {
		t.Errorf("it is %+v, want %+v", got, want)
	}
}

func TestWhatPassesIsAskedAgainUntilTimeIsUp(t *testing.T) {
	busy, no := errors.New("busy"), errors.New("no")
	for want, answers := range map[string][]error{"": {busy, busy, nil}, "no": {busy, no, nil}, "still so": {busy}} {
		synctest.Test(t, func(t *testing.T) {
			asked := 0
			err := settle(t.Context(), func(err error) bool { return errors.Is(err, busy) }, func(context.Context) error {
				asked++
				return answers[min(asked, len(answers))-1]
			})
			if (err == nil) != (want == "") || err != nil && !strings.HasPrefix(err.Error(), want) {
				t.Errorf("after %d times: %v, want %q", asked, err, want)
			}
		})
	}
}
