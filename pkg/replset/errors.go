package replset

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/v2/mongo"
)

// Codes of the server that mean something here.
const (
	codeBadValue        = 2
	codeUnauthorized    = 13
	codeAuthFailed      = 18
	codeNodeNotFound    = 74
	codeNoReplication   = 76
	codeInvalidConfig   = 93
	codeNotInitialized  = 94
	codeIncompatible    = 103
	codeNotElectable    = 104
	codeInProgress      = 109
	codeNotCommitted    = 308
	codeCommandMissing  = 59
	codeExceededTime    = 262
	codeNotWritable     = 10107
	codeDuplicateField  = 40413
	codeNotPrimaryNoOK  = 13435
	codeShuttingDown    = 91
	codeInterruptedRepl = 11602
)

// Kind sorts failures by what they let one conclude.
type Kind int

// The kinds of failure.
const (
	Unreachable Kind = iota // nobody answered: the outcome of a change is not known
	Rights                  // this user may not ask (13), or is not known there (18): nothing is known, and waiting will not change it
	Answered                // the server said no, with Code
)

// Error is a command that a member did not carry out.
type Error struct {
	Host, Command string
	Kind          Kind
	Code          int32
	Err           error // without anything secret

	hangs, hungUp, dropped bool
}

func (e *Error) Error() string {
	switch e.Kind {
	case Rights:
		return fmt.Sprintf("%s on %s: this user may not (code %d: %v)", e.Command, e.Host, e.Code, e.Err)
	case Answered:
		return fmt.Sprintf("%s on %s: code %d: %v", e.Command, e.Host, e.Code, e.Err)
	}
	return fmt.Sprintf("%s on %s: %v", e.Command, e.Host, e.Err)
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// CodeOf is the server's code of an error, 0 for none.
func CodeOf(err error) int32 {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	return 0
}

// IsRights reports whether the only thing that err says is that we may not ask.
func IsRights(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.Kind == Rights
}

// IsUnreachable reports whether nobody answered.
func IsUnreachable(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.Kind == Unreachable
}

// Hangs reports whether somebody took the connection, or was still connected, and did not answer in time. One that is gone refuses.
func Hangs(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.Kind == Unreachable && e.hangs
}

// HangsUp reports whether somebody took the connection and closed it, as a proxy does in front of nobody.
func HangsUp(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.Kind == Unreachable && e.hungUp
}

func classify(ctx context.Context, host, command string, err error) error {
	out := &Error{Host: host, Command: command, Kind: Unreachable}
	hangs := !nobodyThere(err) && !hungUp(err) && !brokeOnTheWay(err)
	var said mongo.CommandError
	switch {
	case errors.As(err, &said) && said.Code != 0:
		out.Kind, out.Code, out.Err = Answered, said.Code, errors.New(said.Message)
		if said.Code == codeUnauthorized || said.Code == codeAuthFailed {
			out.Kind = Rights
		}
	case authFailed(err):
		out.Kind, out.Code, out.Err = Rights, codeAuthFailed, errors.New("authentication failed")
	case ctx.Err() != nil:
		out.Err, out.hangs = context.Cause(ctx), hangs && errors.Is(ctx.Err(), context.DeadlineExceeded)
	case mongo.IsTimeout(err), interrupted(err): // the driver's clocks may be a moment ahead of ours
		out.Err, out.hangs = errors.New("no answer in time"), hangs
	default:
		out.Err = errors.New(short(err))
	}
	out.hungUp, out.dropped = hungUp(err) && !brokeOnTheWay(err), interrupted(err)
	return out
}

// interrupted: the driver itself closed the connection under a question, which it does when its monitor had no answer twice in
// time (pool.clearAll in x/mongo/driver/topology).
func interrupted(err error) bool {
	return errors.Is(err, net.ErrClosed) || strings.Contains(err.Error(), net.ErrClosed.Error())
}

// nobodyThere: nobody listens there, or the name leads nowhere. The driver goes on trying until the time is over.
func nobodyThere(err error) bool {
	return says(err, "connection refused", "no such host", "no route to host", "network is unreachable")
}

// hungUp: in all the words of the driver and of Go that the other side closed the connection.
func hungUp(err error) bool {
	return says(err, "connection reset by peer", "broken pipe", "closed unexpectedly by the other side")
}

// brokeOnTheWay: what carries connections to the member broke, so nothing is known of it. Of what a dialler said the driver keeps
// the words alone; these are those of reach.BrokenError.
func brokeOnTheWay(err error) bool { return says(err, "the way through the relay broke") }

func says(err error, one ...string) bool {
	text := err.Error()
	return slices.ContainsFunc(one, func(words string) bool { return strings.Contains(text, words) })
}

// authFailed: the handshake with credentials failed because the member does not know us. The driver wraps that in errors of its
// own, with and without a code.
func authFailed(err error) bool {
	for e := err; e != nil; e = errors.Unwrap(e) {
		if c, ok := e.(interface{ HasErrorCode(int) bool }); ok && c.HasErrorCode(codeAuthFailed) { //nolint:errorlint // every link is looked at
			return true
		}
	}
	text := err.Error()
	return strings.Contains(text, "AuthenticationFailed") || strings.Contains(text, "unable to authenticate")
}

// short is the cause at the end of a chain of the driver's: the parts before it repeat the topology, which is as long as the
// set is large.
func short(err error) string {
	text := err.Error()
	if i := strings.LastIndex(text, "Last error: "); i >= 0 {
		text = strings.TrimRight(text[i+len("Last error: "):], " },]")
	}
	lines := slices.DeleteFunc(strings.Split(text, "\n"), func(s string) bool { return strings.TrimSpace(s) == "" })
	return strings.Join(lines, " ")
}
