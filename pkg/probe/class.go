package probe

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"syscall"
)

// Class says why there was no answer.
type Class string

// The classes. An answer with any status has none.
const (
	Answered Class = ""
	Refused  Class = "refused" // nobody listens, or no way there
	Reset    Class = "reset"   // the connection ended before the answer did
	Timeout  Class = "timeout"
	BadTLS   Class = "tls"     // no handshake, or a certificate that a client would refuse
	Stopped  Class = "stopped" // the prober was told to stop; says nothing about the target
	Other    Class = "other"
)

// handshakeError marks what went wrong between connecting and asking: an alert of the other side has no type of its own.
type handshakeError struct{ err error }

func (e *handshakeError) Error() string { return "TLS handshake: " + e.err.Error() }
func (e *handshakeError) Unwrap() error { return e.err }

// broken: the dialer says that the way to the target broke, so nobody can tell what the target did.
func broken(err error) bool {
	var way interface{ Broken() bool }
	return errors.As(err, &way) && way.Broken()
}

// Classify finds the class of a request's error by its type, never by its words.
func Classify(err error) Class {
	var (
		cert      *CertError
		handshake *handshakeError
		neterr    net.Error
	)
	switch {
	case err == nil:
		return Answered
	case broken(err):
		return Other
	case errors.As(err, &cert):
		return BadTLS
	case errors.Is(err, context.Canceled):
		return Stopped
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, syscall.ETIMEDOUT),
		errors.As(err, &neterr) && neterr.Timeout():
		return Timeout
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return Refused
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), errors.Is(err, syscall.ECONNABORTED),
		errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed):
		return Reset
	case errors.As(err, &handshake):
		return BadTLS
	}
	return Other
}
