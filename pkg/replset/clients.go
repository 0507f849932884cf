package replset

import (
	"cmp"
	"context"
	"net"
	"slices"
	"strconv"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// Client is a program that is connected to a member, as far as the server tells.
type Client struct {
	Address string // without port
	App     string
	Driver  string // "nodejs 3.2.1"
	Old     bool   // a driver of before 4.2: it does not retry writes by itself
}

func (c Client) String() string {
	return strings.TrimSpace(c.Address + " " + strings.TrimSpace(cmp.Or(c.App, "without a name")+" ("+cmp.Or(c.Driver, "unknown driver")+")"))
}

// Clients lists who is connected to a member, but for the other members.
func (n *Node) Clients(ctx context.Context) ([]Client, error) {
	d, err := n.ask(ctx, true, bson.D{
		{Key: "aggregate", Value: 1},
		{Key: "pipeline", Value: bson.A{
			bson.D{{Key: "$currentOp", Value: bson.D{{Key: "allUsers", Value: true}, {Key: "idleConnections", Value: true}}}},
			bson.D{{Key: "$match", Value: bson.D{{Key: "client", Value: bson.D{{Key: "$exists", Value: true}}}}}},
			bson.D{{Key: "$group", Value: bson.D{{Key: "_id", Value: bson.D{
				{Key: "client", Value: "$client"}, {Key: "app", Value: "$appName"}, {Key: "meta", Value: "$clientMetadata"},
			}}}}},
		}},
		{Key: "cursor", Value: bson.D{{Key: "batchSize", Value: 10000}}},
	})
	if err != nil {
		return nil, err
	}
	var all []Client
	for _, e := range documents(document(d, "cursor"), "firstBatch") {
		id := document(e, "_id")
		meta := document(id, "meta")
		driver := document(meta, "driver")
		name, version := text(driver, "name"), text(driver, "version")
		if ofServer(name) {
			continue
		}
		c := Client{Address: text(id, "client"), App: cmp.Or(text(id, "app"), text(document(meta, "application"), "name")), Driver: strings.TrimSpace(name + " " + version), Old: oldDriver(name, version)}
		if host, _, err := net.SplitHostPort(c.Address); err == nil {
			c.Address = host
		}
		all = append(all, c)
	}
	slices.SortFunc(all, func(a, b Client) int { return cmp.Compare(a.String(), b.String()) })
	return slices.Compact(all), nil
}

// ofServer: the members' own connections to each other.
func ofServer(driver string) bool {
	return driver == "NetworkInterfaceTL" || strings.HasPrefix(driver, "NetworkInterface") || driver == "MongoDB Internal Client"
}

// since is the first version of each driver that knows 4.2, and with it retries writes unless it is told not to.
var since = map[string][2]int{
	"mongo-go-driver": {1, 1}, "nodejs": {3, 3}, "PyMongo": {3, 9}, "mongo-java-driver": {3, 11}, "mongo-csharp-driver": {2, 9},
	"mongo-ruby-driver": {2, 10}, "mongoc": {1, 15}, "mongo-scala-driver": {2, 7}, "Motor": {2, 1},
}

func oldDriver(name, version string) bool {
	name, _, _ = strings.Cut(name, "|") // "PyMongo|Motor", "nodejs|mongoose"
	first, known := since[strings.TrimSpace(name)]
	major, rest, _ := strings.Cut(strings.TrimLeft(version, "v"), ".")
	minor, _, _ := strings.Cut(rest, ".")
	a, err := strconv.Atoi(major)
	if !known || err != nil {
		return false
	}
	b, _ := strconv.Atoi(minor)
	return a < first[0] || a == first[0] && b < first[1]
}
