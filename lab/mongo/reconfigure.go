package mongo

import (
	"context"
	"fmt"

	"go.mongodb.org/mongo-driver/v2/bson"

	"cutover.dev/cutover/lab/world"
)

// Reconfigure lets the primary take the configuration that it has with the next version and, of each member, the fields that
// change returns for its host; nil changes none of them. It returns when a majority has it.
func Reconfigure(ctx context.Context, w world.World, change func(host string) map[string]any) error {
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
