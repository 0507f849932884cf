package mongo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"cutover.dev/cutover/lab/world"
)

// hello is what is read of a member's answer to hello.
type hello struct {
	Set      string `bson:"setName"`
	Writable bool   `bson:"isWritablePrimary"`
}

// direct is a connection to one member alone, whatever it says of others.
func direct(m Member) *options.ClientOptions {
	return options.Client().SetHosts([]string{m.Host()}).SetDirect(true).SetAppName("lab").SetConnectTimeout(2 * time.Second).
		SetServerSelectionTimeout(3 * time.Second)
}

// As runs one command on a member in the database admin, as one of the members themselves, which may do everything, also
// where there are no users yet. reply is filled unless it is nil.
func As(ctx context.Context, w world.World, m Member, command bson.D, reply any) error {
	return with(ctx, w, m, func(c *driver.Client) error { return run(ctx, c, command, reply) })
}

// with runs f with a client that is one of the members.
func with(ctx context.Context, w world.World, m Member, f func(*driver.Client) error) error {
	key, err := os.ReadFile(KeyFile(w))
	if err != nil {
		return fmt.Errorf("read the members' key: %w", err)
	}
	return connected(ctx, direct(m).SetAuth(options.Credential{
		AuthMechanism: "SCRAM-SHA-256", AuthSource: "local", Username: "__system", Password: strings.TrimSpace(string(key)), PasswordSet: true,
	}), f)
}

func connected(ctx context.Context, o *options.ClientOptions, f func(*driver.Client) error) (err error) {
	client, err := driver.Connect(o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, client.Disconnect(context.WithoutCancel(ctx))) }()
	return f(client)
}

func run(ctx context.Context, c *driver.Client, command bson.D, reply any) error {
	result := c.Database("admin").RunCommand(ctx, command)
	if reply == nil {
		return result.Err()
	}
	return result.Decode(reply)
}

// greet asks a member who it is, which needs no rights.
func greet(ctx context.Context, m Member) (hello, error) {
	var h hello
	err := connected(ctx, direct(m), func(c *driver.Client) error { return run(ctx, c, bson.D{{Key: "hello", Value: 1}}, &h) })
	return h, err
}

// Answers asks one member whether it is there.
func Answers(ctx context.Context, m Member) error {
	_, err := greet(ctx, m)
	return err
}

// ErrNoPrimary says that no member of the set takes writes.
var ErrNoPrimary = errors.New("no member takes writes")

// Primary asks all mongods which one takes writes for the set.
func Primary(ctx context.Context) (Member, error) {
	var nos []error
	for _, m := range Members(world.Clusters()...) {
		h, err := greet(ctx, m)
		if err == nil && h.Writable && h.Set == world.ReplicaSet {
			return m, nil
		}
		if err != nil {
			nos = append(nos, fmt.Errorf("%s: %w", m.Host(), err))
		}
	}
	return Member{}, errors.Join(append([]error{ErrNoPrimary}, nos...)...)
}

// TakesWrites wants a member in that cluster to take writes for the set.
func TakesWrites(ctx context.Context, in world.Cluster) error {
	primary, err := Primary(ctx)
	if err == nil && primary.Cluster.Name != in.Name {
		err = fmt.Errorf("%s takes writes, which is not in %s", primary.Host(), in.Name)
	}
	return err
}
