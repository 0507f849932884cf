// Package replset sees and moves a MongoDB replica set: which members there are and how they fare, and the few commands
// that change that. It is the only importer of the driver. It decides nothing about an order (that is replset/path), never
// forces anything, sends no maxTimeMS of its own, and shows no credential.
package replset

import (
	"context"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"cutover.dev/cutover/pkg/fault"
)

// Variable holds the URI of the replica set. It names any of its members, and who we are.
const Variable = "CUTOVER_MONGODB_URI"

// App begins the names of our own connections, as servers show them.
const App = "cutover"

// How long one question may take. A member that hangs is told from one that is slow by the same limit everywhere.
const (
	askWithin     = 5 * time.Second
	connectWithin = 4 * time.Second
)

// Dial connects to a member by the name that stands in the configuration of the set.
type Dial func(ctx context.Context, network, address string) (net.Conn, error)

// DialContext makes it what the driver wants.
func (d Dial) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	return d(ctx, network, address)
}

// Set is a replica set as this process reaches it: to each member one connection with credentials, and one without, since
// a member that is new knows no user yet.
type Set struct {
	seeds []string
	auth  *options.Credential
	base  *options.ClientOptions // what the URI says, for clients that follow the set
	dial  Dial
	also  []string

	mu    sync.Mutex
	nodes map[string]*Node
}

// Options of Open.
type Options struct {
	URI  string
	Also []string // members that may be known without the URI
	Dial Dial     // nil: the network of this process
}

// Open reads the URI. It connects to nobody, but a URI mongodb+srv is resolved. Call Close on what it returns.
func Open(o Options) (*Set, error) {
	const hint = "mongodb://user:password@host:port,host:port/?authSource=admin"
	if o.URI == "" {
		return nil, fault.New(fault.Usage, hint, "%s is not set", Variable)
	}
	base := options.Client().ApplyURI(o.URI)
	if err := base.Validate(); err != nil { // its text may repeat the URI, so it is not shown
		return nil, fault.New(fault.Usage, hint, "%s is no URI of MongoDB that the driver understands", Variable)
	}
	if base.LoadBalanced != nil && *base.LoadBalanced {
		return nil, fault.New(fault.Usage, hint, "%s leads to a load balancer, not to the members of a replica set", Variable)
	}
	return &Set{seeds: slices.Clone(base.Hosts), auth: base.Auth, base: base, dial: o.Dial, also: slices.Clone(o.Also), nodes: map[string]*Node{}}, nil
}

// Secrets lists what must not reach a log: the URI's password and every form of it that a library may print.
func Secrets(uri string) []string {
	all := []string{uri}
	if _, rest, ok := strings.Cut(uri, "://"); ok {
		if user, _, ok := cutLast(rest, "@"); ok {
			if _, password, ok := strings.Cut(user, ":"); ok && password != "" {
				all = append(all, password)
			}
		}
	}
	if o := options.Client().ApplyURI(uri); o.Validate() == nil && o.Auth != nil && o.Auth.Password != "" {
		all = append(all, o.Auth.Password) // decoded
	}
	slices.Sort(all)
	return slices.DeleteFunc(slices.Compact(all), func(s string) bool { return s == "" })
}

func cutLast(s, sep string) (before, after string, ok bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

// Seeds are the members that the URI names.
func (s *Set) Seeds() []string { return slices.Clone(s.seeds) }

// Close ends every connection.
func (s *Set) Close(ctx context.Context) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, n := range s.nodes {
		n.close(ctx)
	}
	s.nodes = map[string]*Node{}
}

// Node is one member, whether it is in the set or not, by its name in the configuration.
func (s *Set) Node(host string) *Node {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, ok := s.nodes[host]
	if !ok {
		n = &Node{Host: host, set: s}
		s.nodes[host] = n
	}
	return n
}
