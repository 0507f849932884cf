package zone

import (
	"context"

	"github.com/miekg/dns"
)

// Heard asks a server over "udp" or "tcp" for a zone's SOA, and is content with any answer: it is about the way there and back.
func Heard(ctx context.Context, s Server, network, zone string) error {
	_, err := ask(ctx, network, s, []question{{zone, dns.TypeSOA}}, false)
	return err
}
