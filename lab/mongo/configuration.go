package mongo

import (
	"context"
	"fmt"

	"go.mongodb.org/mongo-driver/v2/bson"

	"cutover.dev/cutover/lab/world"
)

// Config is the configuration of the set.
type Config struct {
	Version int // grows with each change
	Members []ConfigMember
}

// ConfigMember is what matters of a member in it.
type ConfigMember struct {
	Host            string
	Votes, Priority float64
	Hidden          bool
}

// Hosts are those of the members, in order.
func (c Config) Hosts() (hosts []string) {
	for _, m := range c.Members {
		hosts = append(hosts, m.Host)
	}
	return hosts
}

// Configuration asks the primary for the configuration of the set, again for as long as it may take until there is one who tells.
func Configuration(ctx context.Context, w world.World) (c Config, err error) {
	err = settle(ctx, func(error) bool { return true }, func(ctx context.Context) error {
		primary, err := Primary(ctx)
		if err != nil {
			return err
		}
		var answer struct{ Config Config }
		if err := As(ctx, w, primary, bson.D{{Key: "replSetGetConfig", Value: 1}}, &answer); err != nil {
			return fmt.Errorf("ask %s for the configuration of the set: %w", primary.Host(), err)
		}
		c = answer.Config
		return nil
	})
	return c, err
}
