package link

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"cutover.dev/cutover/pkg/fault"
	"cutover.dev/cutover/pkg/probe"
	"cutover.dev/cutover/pkg/reach"
	"cutover.dev/cutover/pkg/zone"
)

// large is more than the largest packet of any network. It goes out in one piece, so already the first packet of it is as large as
// the sender believes that the way takes.
const large = 64 << 10

// largeToMember is the same for a mongod, which takes less from whom it does not know: more than a jumbo frame. It sends more back.
const largeToMember = 12 << 10

// answering is how long who took a connection may be silent.
const answering = 5 * time.Second

// speak asks by HTTP, first a few bytes and then many. Any answer will do: it is for a host that nobody serves.
func (r Row) speak(ctx context.Context, by reach.Dialer, host string) Row {
	switch err := request(ctx, by, r.To, host, 0); {
	case err == nil:
	case broken(err):
		return r.unsure(err)
	case closed(err):
		r.State, r.Why = NoAnswer, "it takes connections and closes them"
		return r
	case errors.Is(err, os.ErrDeadlineExceeded):
		r.State, r.Why = NoAnswer, fmt.Sprintf("it takes connections, and in %s not a byte came back", answering)
		return r
	default:
		return r.unsure(err)
	}
	var err error
	for range attempts { // who answers before it has read all may close so soon that the answer is lost
		if err = request(ctx, by, r.To, host, large); broken(err) || !closed(err) {
			break
		}
	}
	switch {
	case err == nil:
		r.Large = true
	case broken(err):
		return r.unsure(err)
	case errors.Is(err, os.ErrDeadlineExceeded):
		r.State, r.Why = Small, smallAlone
	case closed(err): // whoever closes early shows nothing
	default:
		return r.unsure(err)
	}
	return r
}

// datagrams asks a name server over UDP.
func (r Row) datagrams(ctx context.Context, by reach.Dialer) Row {
	err := zone.Heard(ctx, zone.Server{Addr: r.To, By: by}, "udp", r.zone)
	switch {
	case err == nil:
	case broken(err), fault.CodeOf(err) != fault.Unknown:
		return r.unsure(err)
	default:
		r.State, r.Why = NoUDP, "and to questions over UDP nothing came back"
	}
	return r
}

const smallAlone = "small requests are answered and large ones are lost: lower the MTU of the tunnel's ends, clamp the MSS to it, or let ICMP through (fragmentation needed)"

// request sends a GET in one piece, with a body of so many bytes, and waits for the first of an answer. It is a connection of its
// own, and nothing that a server may do something about.
func request(ctx context.Context, by reach.Dialer, addr, host string, body int) error {
	ctx, cancel := context.WithTimeout(ctx, relayed)
	defer cancel()
	conn, err := by.DialContext(ctx, "tcp", addr)
	if err != nil {
		return fmt.Errorf("dial it once more: %w", err)
	}
	defer conn.Close() //nolint:errcheck // all that is said was said
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	if err := conn.SetDeadline(time.Now().Add(answering)); err != nil {
		return err
	}
	text := fmt.Sprintf("GET /cutover-link HTTP/1.1\r\nHost: %s\r\nUser-Agent: %s\r\n%s: link\r\nCache-Control: no-cache\r\nConnection: close\r\n", host, probe.UserAgent, probe.HeaderProbe)
	if body > 0 {
		text += fmt.Sprintf("Content-Type: application/octet-stream\r\nContent-Length: %d\r\n", body)
	}
	_, wrote := conn.Write([]byte(text + "\r\n" + strings.Repeat("0", body)))
	if wrote != nil && (broken(wrote) || !closed(wrote)) {
		return wrote
	}
	if _, err := conn.Read(make([]byte, 1)); err != nil { // who closes early may have answered before
		return errors.Join(err, wrote)
	}
	return nil
}
