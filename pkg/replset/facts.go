package replset

import (
	"context"
	"slices"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// Build is what a member runs.
type Build struct {
	Version       string // 6.0.5
	Compatibility string // the feature compatibility version: 6.0
	Changing      bool   // it is between two of them
}

// Build asks for both. A member that does not know us yet tells its version only.
func (n *Node) Build(ctx context.Context, credentials bool) (Build, error) {
	d, err := n.ask(ctx, credentials, bson.D{{Key: "buildInfo", Value: 1}})
	if err != nil {
		return Build{}, err
	}
	b := Build{Version: text(d, "version")}
	if !credentials {
		return b, nil
	}
	d, err = n.ask(ctx, true, bson.D{{Key: "getParameter", Value: 1}, {Key: "featureCompatibilityVersion", Value: 1}})
	if err != nil {
		return b, err
	}
	f := document(d, "featureCompatibilityVersion")
	b.Compatibility, b.Changing = text(f, "version"), has(f, "targetVersion") || has(f, "previousVersion")
	return b, nil
}

// Databases lists those that hold data of somebody. Without rights it is an error that IsRights.
func (n *Node) Databases(ctx context.Context, credentials bool) ([]string, error) {
	d, err := n.ask(ctx, credentials, bson.D{{Key: "listDatabases", Value: 1}, {Key: "nameOnly", Value: true}})
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range documents(d, "databases") {
		if name := text(e, "name"); !slices.Contains([]string{"admin", "config", "local"}, name) {
			names = append(names, name)
		}
	}
	return names, nil
}

// Oplog is how far back a member can tell what was written.
func (n *Node) Oplog(ctx context.Context) (time.Duration, error) {
	edge := func(order int) (bson.Timestamp, error) {
		d, err := n.look(ctx, true, "local", bson.D{
			{Key: "find", Value: "oplog.rs"},
			{Key: "sort", Value: bson.D{{Key: "$natural", Value: order}}},
			{Key: "limit", Value: 1},
			{Key: "projection", Value: bson.D{{Key: "ts", Value: 1}}},
		})
		if err != nil {
			return bson.Timestamp{}, err
		}
		for _, e := range documents(document(d, "cursor"), "firstBatch") {
			ts, _ := field(e, "ts").(bson.Timestamp)
			return ts, nil
		}
		return bson.Timestamp{}, nil
	}
	first, err := edge(1)
	if err != nil {
		return 0, err
	}
	last, err := edge(-1)
	if err != nil {
		return 0, err
	}
	return time.Duration(int64(last.T)-int64(first.T)) * time.Second, nil
}

// OplogFull reports whether the oplog has reached its size, so that old entries go: only then its window tells anything.
func (n *Node) OplogFull(ctx context.Context) (bool, error) {
	d, err := n.look(ctx, true, "local", bson.D{{Key: "collStats", Value: "oplog.rs"}})
	if err != nil {
		return false, err
	}
	limit := number(d, "maxSize")
	return limit > 0 && number(d, "size") > 0.9*limit, nil
}

// DataSize is how many bytes an initial sync has to copy, about.
func (n *Node) DataSize(ctx context.Context) (int64, error) {
	d, err := n.ask(ctx, true, bson.D{{Key: "listDatabases", Value: 1}})
	if err != nil {
		return 0, err
	}
	return integer(d, "totalSize"), nil
}

// WriteConcernIsSet reports whether somebody set a cluster-wide default write concern, which no change of members then flips.
func (n *Node) WriteConcernIsSet(ctx context.Context) (bool, error) {
	d, err := n.ask(ctx, true, bson.D{{Key: "getDefaultRWConcern", Value: 1}})
	if err != nil {
		return false, err
	}
	return text(d, "defaultWriteConcernSource") == "global", nil
}

// Owner names the operator or agent that keeps the configuration of the set, and would put it back; "" for none that shows.
func (s *Set) Owner(ctx context.Context, v View) (string, error) {
	for _, m := range v.Members {
		if m.Tags["podName"] != "" && m.Tags["serviceName"] != "" {
			return "the Percona operator (member " + m.Host + " carries its tags podName and serviceName)", nil
		}
	}
	for _, m := range v.Members {
		if m.HelloErr != nil {
			continue
		}
		d, err := s.Node(m.Host).ask(ctx, true, bson.D{{Key: "getCmdLineOpts", Value: 1}})
		if err != nil {
			return "", err
		}
		if config := text(document(d, "parsed"), "config"); strings.HasSuffix(config, "automation-mongod.conf") {
			return "MongoDB's automation agent, of MongoDB's operators or of Ops Manager (" + m.Host + " was started with " + config + ")", nil
		}
		clients, err := s.Node(m.Host).Clients(ctx)
		if err != nil {
			return "", err
		}
		for _, c := range clients {
			if strings.HasPrefix(c.App, "MongoDB Automation Module") {
				return "MongoDB's automation agent (it is connected to " + m.Host + " as " + c.App + ")", nil
			}
		}
	}
	return "", nil
}
