package mongotest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// The members of both sides go by these names, which each side resolves for itself: one of its own side to where it listens, one
// of the other to this side's end of the link. So a server needs a hosts file of its own, which is a mount that nobody else sees.

// StartApart starts some old and some new servers, each side at one end of a link. They end with the test, as the link does.
func StartApart(t testing.TB, old, fresh int) (*Rig, *Link) {
	t.Helper()
	r := prepare(t)
	r.apart = true
	link := newLink(t)
	for i := range old + fresh {
		m := r.add(r.next(), Name, key)
		name, sends := fmt.Sprintf("new-%d.test", i-old+1), &link.ahead
		if i < old {
			name, sends = fmt.Sprintf("old-%d.test", i+1), &link.back
		}
		_, port, err := net.SplitHostPort(m.at)
		if err != nil {
			t.Fatal(err)
		}
		m.Host = net.JoinHostPort(name, port)
		// Who dials an old member is new: it sends back.
		answers := &link.ahead
		if sends == answers {
			answers = &link.back
		}
		m.far = fmt.Sprintf("127.0.9.%d", i+1)
		if err := link.serve(net.JoinHostPort(m.far, port), m.at, sends, answers); err != nil {
			t.Fatal(err)
		}
	}
	for i, m := range r.Mongods {
		hosts := filepath.Join(m.dir, "hosts")
		if err := os.WriteFile(hosts, []byte(r.names(i < old)), 0o600); err != nil {
			t.Fatal(err)
		}
		m.args = slices.Concat(seeing(hosts), m.args)
		m.Start(t)
	}
	r.await()
	return r, link
}

// seeing is what comes before a program that shall have these names.
func seeing(hosts string) []string {
	argv := []string{"unshare", "--mount"}
	if os.Geteuid() != 0 { // then in a user namespace, where one may mount too
		argv = append(argv, "--user", "--map-root-user")
	}
	return append(argv, "sh", "-c", `mount --bind "$0" /etc/hosts && exec "$@"`, hosts)
}

// AtOld is what comes before a program that shall reach the servers by their names from old's end of the link.
func (r *Rig) AtOld() []string { return seeing(filepath.Join(r.Mongods[0].dir, "hosts")) }

// names is the hosts file of a side.
func (r *Rig) names(old bool) string {
	lines := []string{"127.0.0.1 localhost"}
	for _, m := range r.Mongods {
		name, _, _ := net.SplitHostPort(m.Host)
		address, _, _ := net.SplitHostPort(m.at)
		if old != strings.HasPrefix(name, "old-") {
			address = m.far
		}
		lines = append(lines, address+" "+name)
	}
	return strings.Join(lines, "\n") + "\n"
}

// Dial is how the tool gets to the servers, nil: by their names, which are addresses.
func (r *Rig) Dial() func(ctx context.Context, network, address string) (net.Conn, error) {
	if !r.apart {
		return nil
	}
	return r.DialContext
}

// DialContext connects to a server by its name, whatever becomes of the link: who uses it stands on both sides.
func (r *Rig) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	for _, m := range r.Mongods {
		if m.Host == address {
			return (&net.Dialer{}).DialContext(ctx, network, m.at)
		}
	}
	return nil, fmt.Errorf("dial %s: %w", address, errors.New("no server of this test"))
}

// Says waits until a server writes a line with these words into its log, from now on.
func (m *Mongod) Says(ctx context.Context, words ...string) error {
	f, err := os.Open(filepath.Join(m.dir, "log"))
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // it was only read
	if _, err := f.Seek(0, io.SeekEnd); err != nil {
		return err
	}
	for said := ""; ; {
		more, err := io.ReadAll(f)
		if err != nil {
			return err
		}
		if said += string(more); Has(said, words...) {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait until %s says %q: %w", m.Host, words, context.Cause(ctx))
		case <-time.After(time.Millisecond):
		}
	}
}

// Of is the server of that name.
func (r *Rig) Of(host string) *Mongod {
	r.t.Helper()
	for _, m := range r.Mongods {
		if m.Host == host {
			return m
		}
	}
	r.t.Fatalf("%s is no server of this test", host)
	return nil
}
