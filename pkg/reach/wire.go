package reach

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"time"

	"cutover.dev/cutover/pkg/fault"
)

// What goes over one stream: a line that asks, a line that answers, and after a yes to "tcp" or "udp" frames both ways.
//
//	cutover-relay/1 TOKEN tcp 10.1.1.36:8080
//	ok 10.244.0.7:41234
//
// The answer to "lookup" is ok and the addresses, that to "time", which asks for tcp, ok and how long it took to connect. A no is
// "no CODE WORDS".
const (
	version = "cutover-relay/1"
	maxLine = 1024 // bytes of a line, its end included

	netTCP    = "tcp"
	netUDP    = "udp"
	netLookup = "lookup"
	netTime   = "time"

	greeting = 10 * time.Second // how long the line that asks may take
)

// Dialing is how long a relay waits for a destination to answer.
const Dialing = 10 * time.Second

// Hash is what a relay is told of its run's token. Who reads it learns nothing: a token has more bits than can be tried.
func Hash(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

// request is the line that asks.
type request struct{ token, network, to string }

func (r request) String() string {
	return fmt.Sprintf("%s %s %s %s\n", version, r.token, r.network, r.to)
}

func parseRequest(line string) (request, error) {
	words := strings.Split(line, " ")
	if len(words) != 4 || words[0] != version {
		return request{}, errors.New("not a request of " + version)
	}
	return request{words[1], words[2], words[3]}, nil
}

// readLine reads one line, without its end, and not a byte more than it has to.
func readLine(r *bufio.Reader) (string, error) {
	var line []byte
	for len(line) < maxLine {
		b, err := r.ReadByte()
		if err != nil {
			return "", err
		}
		if b == '\n' {
			return string(line), nil
		}
		line = append(line, b)
	}
	return "", errors.New("the line is too long")
}

// Codes of a no, each with the error that a dialler of this machine would have seen.
const (
	codeToken  = "token"
	codeDenied = "denied"
	codeName   = "name"
	codeOther  = "other"
)

var dialErrors = map[string]error{
	"refused":     syscall.ECONNREFUSED,
	"unreachable": syscall.EHOSTUNREACH,
	"nonet":       syscall.ENETUNREACH,
	"timeout":     syscall.ETIMEDOUT,
	"reset":       syscall.ECONNRESET,
	"noaddress":   syscall.EADDRNOTAVAIL,
}

// code is how a no goes over the wire.
func code(err error) string {
	for c, e := range dialErrors {
		if errors.Is(err, e) {
			return c
		}
	}
	if name, is := errors.AsType[*net.DNSError](err); is {
		if name.IsNotFound {
			return codeName
		}
		return codeOther // its resolvers could not say, which is no silence of the destination either
	}
	if errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded) {
		return "timeout"
	}
	return codeOther
}

// heard makes the line that answers what a dialler returns: the rest of a yes, or the error of a no.
func heard(line string, r request, env string) (string, error) {
	word, rest, _ := strings.Cut(line, " ")
	switch word {
	case "ok":
		return rest, nil
	case "no":
	default:
		return "", &BrokenError{fmt.Errorf("the relay in %s does not speak %s", env, version)}
	}
	c, words, _ := strings.Cut(rest, " ")
	switch c {
	case codeToken:
		return "", fault.New(fault.Unsure, "", "the relay in %s does not know the token of this run", env)
	case codeDenied:
		return "", fault.New(fault.Refused, "the plan has to name it, or spec.clusters."+env+".relay.allow; and spec.entry and spec.dns say in from who asks them",
			"the relay in %s may not dial %s", env, r.to)
	case codeName:
		host, _, err := net.SplitHostPort(r.to)
		if err != nil {
			host = r.to
		}
		return "", &net.DNSError{Err: "in " + env + ": " + words, Name: host, IsNotFound: true}
	}
	err, known := dialErrors[c]
	if !known {
		err = errors.New(words)
	}
	network := r.network
	if network == netTime {
		network = netTCP
	}
	return "", &net.OpError{Op: "dial from inside " + env, Net: network, Addr: place{network, r.to}, Err: err}
}

// place is an address as words.
type place struct{ network, text string }

func (p place) Network() string { return p.network }
func (p place) String() string  { return p.text }

// BrokenError says that the way to the relay broke, or the relay itself. Nobody can tell what the destination did.
type BrokenError struct{ Err error }

func (e *BrokenError) Error() string { return "the way through the relay broke: " + e.Err.Error() }

// Unwrap returns what broke it.
func (e *BrokenError) Unwrap() error { return e.Err }

// Broken tells it from what a destination does.
func (e *BrokenError) Broken() bool { return true }

// broken makes an error of the stream below one of ours.
func broken(err error) error {
	switch {
	case err == nil, errors.Is(err, os.ErrDeadlineExceeded):
		return err
	case errors.Is(err, io.EOF):
		err = io.ErrUnexpectedEOF
	}
	return &BrokenError{err}
}
