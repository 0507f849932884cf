package mongo

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	driver "go.mongodb.org/mongo-driver/v2/mongo"

	"cutover.dev/cutover/lab/world"
)

// settling is how long a set that has just elected a primary, or has changed its configuration, may refuse another change, or have
// nobody to tell of it.
const settling = time.Minute

// Reconfigure lets the primary take the configuration that it has with the next version and, of each member, the fields that
// change returns for its host; nil changes none of them. It returns when a majority has it. While the set is busy with a change
// of its own, as right after an election, it is read again and asked again.
func Reconfigure(ctx context.Context, w world.World, change func(host string) map[string]any) error {
	return settle(ctx, passes, func(ctx context.Context) error { return reconfigure(ctx, w, change) })
}

// settle asks until there is no error, or one that will not pass.
func settle(ctx context.Context, passes func(error) bool, ask func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, settling)
	defer cancel()
	for {
		err := ask(ctx)
		if err == nil || !passes(err) {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("still so after %s: %w", settling, err)
		case <-time.After(250 * time.Millisecond):
		}
	}
}

func reconfigure(ctx context.Context, w world.World, change func(host string) map[string]any) error {
	primary, err := Primary(ctx)
	if err != nil {
		return err
	}
	var now struct{ Config bson.M }
	if err := As(ctx, w, primary, bson.D{{Key: "replSetGetConfig", Value: 1}}, &now); err != nil {
		return fmt.Errorf("read the configuration of the set: %w", err)
	}
	if err := next(now.Config, change); err != nil {
		return err
	}
	if err := As(ctx, w, primary, bson.D{{Key: "replSetReconfig", Value: now.Config}}, nil); err != nil {
		return fmt.Errorf("change the configuration of the set: %w", err)
	}
	return nil
}

// passes reports whether the set says that it is busy: nobody takes writes, not this member any more (10107), another change is
// on its way (109), or was interrupted by an election (11602), or the last one is not everywhere yet (308).
func passes(err error) bool {
	var said driver.CommandError
	return errors.Is(err, ErrNoPrimary) || errors.As(err, &said) && slices.Contains([]int32{109, 308, 10107, 11602}, said.Code)
}

// next makes a configuration the one that follows it.
func next(config bson.M, change func(host string) map[string]any) error {
	version, isVersion := config["version"].(int32)
	members, areMembers := config["members"].(bson.A)
	if !isVersion || !areMembers {
		return fmt.Errorf("the configuration has no version or no members: %v", config)
	}
	config["version"] = version + 1
	for i, m := range members {
		fields, ok := m.(bson.D)
		if !ok {
			return fmt.Errorf("the configuration has a member that is none: %v", m)
		}
		host := ""
		for _, f := range fields {
			if f.Key == "host" {
				host, _ = f.Value.(string)
			}
		}
		for key, value := range change(host) {
			fields = put(fields, key, value)
		}
		members[i] = fields
	}
	return nil
}

// put is a document in which one field has another value.
func put(d bson.D, key string, value any) bson.D {
	for i := range d {
		if d[i].Key == key {
			d[i].Value = value
			return d
		}
	}
	return append(d, bson.E{Key: key, Value: value})
}
