package load

import (
	"context"
	"fmt"
	"net"
	"sync"
	"time"
)

// Names are how clients find the entry themselves: they resolve the host whenever they connect.
type Names struct {
	Resolver *net.Resolver
	Port     string
	Places   map[string]string // how the ledger calls the entry at an address; one that is not among them by its address

	// Once says that they ask for a host once for ever, as runtimes do that never forget a name.
	Once  bool
	known sync.Map // host:port -> address

	// Lifetime is after how long clients give up the connections that they keep, and so ask again; 0: never of their own accord.
	Lifetime time.Duration
}

// find returns where to connect to for host:port, of which only the host counts.
func (n *Names) find(ctx context.Context, asked string) (string, error) {
	if addr, known := n.known.Load(asked); known {
		return addr.(string), nil
	}
	addr, err := n.ask(ctx, asked)
	if err != nil || !n.Once {
		return addr, err
	}
	first, _ := n.known.LoadOrStore(asked, addr)
	return first.(string), nil
}

func (n *Names) ask(ctx context.Context, asked string) (string, error) {
	host, _, err := net.SplitHostPort(asked)
	if err != nil {
		return "", err
	}
	found, err := n.Resolver.LookupNetIP(ctx, "ip4", host+".") // with the dot nothing of this machine's own is tried
	if err != nil {
		return "", err
	}
	if len(found) == 0 {
		return "", fmt.Errorf("%s has no address", host)
	}
	return net.JoinHostPort(found[0].Unmap().String(), n.Port), nil
}

// place is how the ledger calls the entry that a connection leads to.
func (c *clients) place(conn net.Conn) string {
	if c.names == nil {
		return c.entry
	}
	host, _, err := net.SplitHostPort(conn.RemoteAddr().String())
	if err != nil {
		return c.entry
	}
	if name, known := c.names.Places[host]; known {
		return name
	}
	return host
}

// renew gives up the connections that nobody uses right now, over and over until the group ends.
func (g *group) renew() {
	for g.sleep(g.Names.Lifetime) {
		g.now.Load().kept.CloseIdleConnections()
	}
}
