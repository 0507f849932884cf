// Package fault gives an error the two things that the person who reads it needs: the exit code that it means, and
// what to do next. It decides nothing and prints nothing; only cli does.
package fault

import (
	"errors"
	"fmt"
)

// Code is the exit code of the program. The numbers are part of the public contract.
type Code int

// The exit codes, in the words of the help texts.
const (
	OK        Code = 0   // fine
	Unknown   Code = 1   // a bug, or something that nobody foresaw
	Usage     Code = 2   // wrong flags, or an invalid plan
	Refused   Code = 3   // a gate said no, and nothing was begun in this run
	Broken    Code = 4   // failed after something was begun: the world changed; resumable
	Stuck     Code = 5   // a rollback failed or is impossible: a person is needed
	Locked    Code = 6   // another run holds the lock, or this one lost it before it began
	Unsure    Code = 7   // could not tell, and nothing was begun
	Waiting   Code = 8   // nothing is wrong: come back later
	Cancelled Code = 130 // stopped by a signal
)

// Error is an error with the exit code that it means and a hint at what to do next. Hint may be empty.
type Error struct {
	Code Code
	Err  error
	Hint string
}

func (e *Error) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// New makes an Error from a format, as fmt.Errorf does.
func New(code Code, hint, format string, args ...any) error {
	return &Error{Code: code, Err: fmt.Errorf(format, args...), Hint: hint}
}

// Wrap adds a code and a hint to err. A nil err stays nil.
func Wrap(code Code, hint string, err error) error {
	if err == nil {
		return nil
	}
	return &Error{Code: code, Err: err, Hint: hint}
}

// Advise is Wrap with any number of hints, in this order. Without one err stays as it is.
func Advise(code Code, err error, hints ...string) error {
	for i := len(hints) - 1; i >= 0; i-- {
		err = Wrap(code, hints[i], err)
	}
	return err
}

// CodeOf returns the code of the outermost Error in the chain, Unknown where there is none, OK for nil.
func CodeOf(err error) Code {
	if err == nil {
		return OK
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	return Unknown
}

// Hints returns every hint of the chain, joined errors included, outermost first and each one once.
func Hints(err error) []string {
	var hints []string
	seen := map[string]bool{}
	var walk func(error)
	walk = func(err error) {
		if e, ok := err.(*Error); ok && e.Hint != "" && !seen[e.Hint] { //nolint:errorlint // the walk visits every link itself
			seen[e.Hint] = true
			hints = append(hints, e.Hint)
		}
		switch u := err.(type) { //nolint:errorlint // likewise
		case interface{ Unwrap() error }:
			if next := u.Unwrap(); next != nil {
				walk(next)
			}
		case interface{ Unwrap() []error }:
			for _, next := range u.Unwrap() {
				walk(next)
			}
		}
	}
	if err != nil {
		walk(err)
	}
	return hints
}
