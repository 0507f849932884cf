package mongo

import (
	"context"
	"fmt"

	"go.mongodb.org/mongo-driver/v2/bson"

	"cutover.dev/cutover/lab/world"
)

// Configured asks a member for the hosts in the configuration of its set, in order.
func Configured(ctx context.Context, w world.World, m Member) (hosts []string, err error) {
	var answer struct {
		Config struct{ Members []struct{ Host string } }
	}
	if err := As(ctx, w, m, bson.D{{Key: "replSetGetConfig", Value: 1}}, &answer); err != nil {
		return nil, fmt.Errorf("ask %s for the configuration of the set: %w", m.Host(), err)
	}
	for _, member := range answer.Config.Members {
		hosts = append(hosts, member.Host)
	}
	return hosts, nil
}
