package world

import (
	"net"
	"net/url"
	"strconv"
	"strings"
)

// The lab's replica set: the mongods of old are its members; those of new are in no set until the tool joins them.
const (
	ReplicaSet = "rs0"
	MongodPort = 27017
)

// MongodHosts are the names of a cluster's mongods in the set's configuration. They are addresses: whoever reaches the
// lab's network has nothing to resolve.
func (c Cluster) MongodHosts() []string {
	var hosts []string
	for _, address := range c.Mongods {
		hosts = append(hosts, net.JoinHostPort(address, strconv.Itoa(MongodPort)))
	}
	return hosts
}

// MongodName is the name of the i-th mongod of a cluster among the lab's daemons.
func (c Cluster) MongodName(i int) string { return c.Name + "-mongod-" + strconv.Itoa(i) }

// MongoUser is a user of the replica set. The passwords are no secrets, but have what a URI has to escape.
type MongoUser struct{ Name, Password string }

// The users of the replica set.
var (
	MongoRun  = MongoUser{"cutover-run", "runs:the/lab@once"}   // the tool, running phases
	MongoPlan = MongoUser{"cutover-plan", "reads:the/lab@once"} // the tool, only planning: reads
	MongoApp  = MongoUser{"shop", "sells:in/the@lab"}           // the application, in the database of its name
)

// URI is how this user connects to the set by way of these hosts.
func (u MongoUser) URI(hosts ...string) string {
	return (&url.URL{
		Scheme: "mongodb", User: url.UserPassword(u.Name, u.Password), Host: strings.Join(hosts, ","), Path: "/",
		RawQuery: "authSource=admin&replicaSet=" + ReplicaSet,
	}).String()
}
