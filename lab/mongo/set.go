package mongo

import (
	"context"
	"errors"
	"fmt"

	"go.mongodb.org/mongo-driver/v2/bson"
	driver "go.mongodb.org/mongo-driver/v2/mongo"

	"cutover.dev/cutover/lab/world"
)

// making is a set while it is made, by way of its first member.
type making struct {
	Deps
	first  Member
	client *driver.Client
}

// makeSet makes a set of these members. It begins as a set of one, which has its primary at once: an election among three
// that have just met takes eleven seconds.
func (d Deps) makeSet(ctx context.Context, members []Member) error {
	return with(ctx, d.World, members[0], func(c *driver.Client) error {
		m := making{d, members[0], c}
		if err := m.begin(ctx); err != nil {
			return err
		}
		for i, member := range members[1:] {
			if err := m.add(ctx, member.Host(), i+1); err != nil {
				return fmt.Errorf("add %s: %w", member.Host(), err)
			}
		}
		return m.until(ctx, m.first, "the whole set", func(ctx context.Context) error { return m.whole(ctx, len(members)) })
	})
}

// begin initiates the set with its first member and makes its users.
func (m making) begin(ctx context.Context) error {
	config := bson.D{
		{Key: "_id", Value: world.ReplicaSet},
		{Key: "members", Value: bson.A{bson.D{{Key: "_id", Value: 0}, {Key: "host", Value: m.first.Host()}}}},
	}
	if err := run(ctx, m.client, bson.D{{Key: "replSetInitiate", Value: config}}, nil); err != nil {
		return fmt.Errorf("initiate it with %s: %w", m.first.Host(), err)
	}
	err := m.until(ctx, m.first, m.first.Host()+" takes writes", func(ctx context.Context) error {
		var h hello
		err := run(ctx, m.client, bson.D{{Key: "hello", Value: 1}}, &h)
		if err == nil && !h.Writable {
			err = errors.New("not yet")
		}
		return err
	})
	if err != nil {
		return err
	}
	for _, command := range usersOf() {
		if err := run(ctx, m.client, command, nil); err != nil {
			return fmt.Errorf("make its users: %w", err)
		}
	}
	return nil
}

// add adds one member with a vote.
func (m making) add(ctx context.Context, host string, id int) error {
	return m.until(ctx, m.first, host+" is a member", func(ctx context.Context) error {
		var now struct{ Config bson.D }
		if err := run(ctx, m.client, bson.D{{Key: "replSetGetConfig", Value: 1}}, &now); err != nil {
			return err
		}
		next, err := grown(now.Config, host, id)
		if next == nil || err != nil {
			return err
		}
		return run(ctx, m.client, bson.D{{Key: "replSetReconfig", Value: next}}, nil)
	})
}

// grown is a configuration with one member more; nil if that is a member already.
func grown(config bson.D, host string, id int) (bson.D, error) {
	next := make(bson.D, 0, len(config))
	found := 0
	for _, field := range config {
		switch value := field.Value.(type) {
		case int32:
			if field.Key == "version" {
				field.Value, found = value+1, found+1
			}
		case bson.A:
			if field.Key == "members" {
				for _, member := range value {
					if has(member, host) {
						return nil, nil
					}
				}
				field.Value, found = append(value, bson.D{{Key: "_id", Value: id}, {Key: "host", Value: host}}), found+1
			}
		}
		next = append(next, field)
	}
	if found != 2 {
		return nil, fmt.Errorf("the configuration has no version or no members: %v", config)
	}
	return next, nil
}

func has(member any, host string) bool {
	d, ok := member.(bson.D)
	if !ok {
		return false
	}
	for _, field := range d {
		if field.Key == "host" && field.Value == host {
			return true
		}
	}
	return false
}

// whole wants n members that are in good order and all have their vote: for a moment after it was added a member has none,
// whatever the configuration says, and then the set changes its configuration by itself.
func (m making) whole(ctx context.Context, n int) error {
	var status struct {
		Voting  int `bson:"votingMembersCount"`
		Members []struct {
			Name  string
			State string `bson:"stateStr"`
		}
	}
	if err := run(ctx, m.client, bson.D{{Key: "replSetGetStatus", Value: 1}}, &status); err != nil {
		return err
	}
	if status.Voting != n {
		return fmt.Errorf("%d of %d vote", status.Voting, n)
	}
	for _, one := range status.Members {
		if one.State != "PRIMARY" && one.State != "SECONDARY" {
			return fmt.Errorf("%s is %s", one.Name, one.State)
		}
	}
	return nil
}

// usersOf are the commands that make the users. The tool's own may do what its phases need and nothing else: it reads no
// collection of an application and writes into a database of its own.
func usersOf() []bson.D {
	role := func(name, db string) bson.D { return bson.D{{Key: "role", Value: name}, {Key: "db", Value: db}} }
	user := func(u world.MongoUser, roles ...any) bson.D {
		return bson.D{{Key: "createUser", Value: u.Name}, {Key: "pwd", Value: u.Password}, {Key: "roles", Value: bson.A(roles)}}
	}
	const dropper = "dropConnections"
	return []bson.D{
		{
			{Key: "createRole", Value: dropper},
			{Key: "privileges", Value: bson.A{bson.D{
				{Key: "resource", Value: bson.D{{Key: "cluster", Value: true}}}, {Key: "actions", Value: bson.A{"dropConnections"}},
			}}},
			{Key: "roles", Value: bson.A{}},
		},
		user(world.MongoRun, role("clusterManager", "admin"), role("clusterMonitor", "admin"), role(dropper, "admin"), role("readWrite", "cutover")),
		user(world.MongoPlan, role("clusterMonitor", "admin")),
		user(world.MongoApp, role("readWrite", world.MongoApp.Name)),
	}
}
