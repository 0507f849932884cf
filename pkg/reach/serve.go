package reach

import (
	"bufio"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"time"
)

// mostStreams is how many connections a relay carries at once. The next one waits.
const mostStreams = 512

// Server is a relay: what runs in the pod. Make it with NewServer.
type Server struct {
	hash  [sha256.Size]byte
	allow []string
	slots chan struct{}

	// Dialer is where it stands.
	Dialer Dialer
}

// NewServer makes a relay for whoever has the token of that Hash. What may be dialled is network/host:port, each written out:
// "tcp/10.1.1.36:8080", "udp/ns1.example.com:53". Nothing else is. A name of it may also be looked up, and so may that of
// "lookup/host"; "lookup/*" is any.
func NewServer(hash string, allow []string) (*Server, error) {
	s := &Server{slots: make(chan struct{}, mostStreams), Dialer: Direct{}}
	sum, err := hex.DecodeString(hash)
	if err != nil || len(sum) != len(s.hash) {
		return nil, errors.New("the hash of the token is not 64 hexadecimal digits")
	}
	copy(s.hash[:], sum)
	for _, a := range allow {
		if !proper(a) {
			return nil, fmt.Errorf("%q is neither network/host:port nor lookup/host", a)
		}
		s.allow = append(s.allow, strings.ToLower(a))
	}
	if len(s.allow) == 0 {
		return nil, errors.New("there is nothing that may be dialled")
	}
	return s, nil
}

func proper(a string) bool {
	network, to, _ := strings.Cut(a, "/")
	if network == netLookup {
		return to != ""
	}
	host, port, err := net.SplitHostPort(to)
	return (network == netTCP || network == netUDP) && err == nil && host != "" && port != ""
}

// Serve answers on a listener until the context ends, and then ends what is under way.
func (s *Server) Serve(ctx context.Context, listener net.Listener) error {
	stop := context.AfterFunc(ctx, func() { _ = listener.Close() }) // Accept says so
	defer stop()
	var group sync.WaitGroup
	defer group.Wait()
	for {
		conn, err := listener.Accept()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("accept: %w", err)
		}
		select {
		case s.slots <- struct{}{}:
		case <-ctx.Done():
			return conn.Close()
		}
		group.Go(func() {
			defer func() { <-s.slots }()
			defer conn.Close()                                          //nolint:errcheck // all that is said was said
			defer context.AfterFunc(ctx, func() { _ = conn.Close() })() // ends what reads from it
			s.serve(ctx, conn)
		})
	}
}

// serve is one stream.
func (s *Server) serve(ctx context.Context, conn net.Conn) {
	in := bufio.NewReaderSize(conn, maxLine)
	_ = conn.SetDeadline(time.Now().Add(greeting)) // the line that asks has to come; what fails here fails there again
	line, err := readLine(in)
	if err != nil {
		return
	}
	r, err := parseRequest(line)
	if err != nil {
		return // whoever it is, it does not speak our language
	}
	if sum := sha256.Sum256([]byte(r.token)); subtle.ConstantTimeCompare(sum[:], s.hash[:]) != 1 {
		say(conn, "no "+codeToken)
		return
	}
	if !s.allows(r) {
		say(conn, "no "+codeDenied)
		return
	}
	_ = conn.SetDeadline(time.Time{})
	limited, cancel := context.WithTimeout(ctx, Dialing)
	defer cancel()
	if r.network == netLookup {
		addresses, err := s.Dialer.LookupHost(limited, r.to)
		if err != nil {
			say(conn, "no "+code(err)+" "+plain(err))
			return
		}
		say(conn, fitting(addresses))
		return
	}
	if r.network == netTime {
		took, err := took(limited, s.Dialer, r.to)
		if err != nil {
			say(conn, "no "+code(err)+" "+plain(err))
			return
		}
		say(conn, "ok "+took.String())
		return
	}
	out, err := s.Dialer.DialContext(limited, r.network, r.to)
	if err != nil {
		say(conn, "no "+code(err)+" "+plain(err))
		return
	}
	defer out.Close() //nolint:errcheck // its end was passed on
	if !say(conn, "ok "+out.LocalAddr().String()) {
		return
	}
	near := newFramed(conn, in, conn.LocalAddr(), conn.RemoteAddr())
	if r.network == netUDP {
		datagrams(near, out)
		return
	}
	carry(near, out)
}

// allows goes by the list alone: a name stands for itself, not for where it leads.
func (s *Server) allows(r request) bool {
	to := strings.ToLower(r.to)
	if r.network == netTime {
		return slices.Contains(s.allow, netTCP+"/"+to)
	}
	if r.network != netLookup {
		return r.network != "" && slices.Contains(s.allow, r.network+"/"+to)
	}
	if slices.Contains(s.allow, "lookup/*") || slices.Contains(s.allow, "lookup/"+to) {
		return true
	}
	return slices.ContainsFunc(s.allow, func(a string) bool {
		_, at, _ := strings.Cut(a, "/")
		host, _, err := net.SplitHostPort(at)
		return err == nil && host == to
	})
}

// fitting is an answer of as many addresses as a line takes: half a one would be another one.
func fitting(addresses []string) string {
	line := "ok"
	for _, a := range addresses {
		if len(line)+1+len(a) > maxLine-1 {
			break
		}
		line += " " + a
	}
	return line
}

func say(conn net.Conn, line string) bool {
	_, err := io.WriteString(conn, line[:min(len(line), maxLine-1)]+"\n")
	return err == nil
}

// plain is an error on one line.
func plain(err error) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' {
			return ' '
		}
		return r
	}, err.Error())
}

// carry copies both ways, and passes on how each way ended. It reads all that comes from who asked, also where the destination has
// gone: what is left unread at the end of one stream of a port-forward holds others of it up in the kubelet (its spdystream has
// five queues for all streams, and the word that a stream is over waits in one behind that stream's own data).
func carry(near *framed, out net.Conn) {
	back := make(chan struct{})
	go func() {
		defer close(back)
		if _, err := io.Copy(near, out); err != nil {
			_ = near.reset() // if that fails too, the stream itself is what broke
			return
		}
		_ = near.CloseWrite()
	}()
	if _, err := io.Copy(out, near); err != nil {
		_ = out.Close() // who asked is told, and then ends the stream
		_, _ = io.Copy(io.Discard, near)
	} else if half, ok := out.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
	<-back
}
