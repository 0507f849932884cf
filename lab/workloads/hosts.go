package workloads

// Kind is how a client uses a route.
type Kind string

// The kinds of use.
const (
	Quick   Kind = "quick"   // GET and POST, answered at once
	Slow    Kind = "slow"    // answered after two seconds
	Upload  Kind = "upload"  // POST of 1 MiB, which comes back
	Session Kind = "session" // a WebSocket that stays open
)

// Host is one thing a client asks for: a concrete name (never a wildcard), a path, and who has to answer.
type Host struct {
	Host, Path string
	Workload   string // the value of X-Workload
	Kind       Kind
	Weight     int // its share of the requests, relative to the others; 0 for a Session
}

// Hosts returns at least one entry for every host and path of every Ingress.
func Hosts() []Host {
	return []Host{
		{"shop.test", "/", "web", Quick, 20},
		{"shop.test", "/cart/items", "cart", Quick, 12},
		{"shop.test", "/api/stock", "api", Quick, 20},
		{"live.shop.test", "/", "live", Quick, 8},
		{"chat.shop.test", "/rooms", "live", Quick, 8},
		{"live.shop.test", "/ws", "live", Session, 0},
		{"chat.shop.test", "/ws", "live", Session, 0},
		{"ann.blog.test", "/", "blog", Quick, 12},
		{"bob.blog.test", "/posts/1", "blog", Quick, 12},
		{"ann.blog.test", "/comments", "comments", Quick, 12},
		{"media.test", "/clips", "media", Quick, 8},
		{"media.test", "/clips", "media", Upload, 1},
		{"reports.test", "/daily", "reports", Slow, 4},
	}
}
