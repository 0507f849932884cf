// Package manual is a zone that a person changes: what is to change is shown, and what the name servers serve is believed. It
// must not write anything.
package manual

import (
	"context"
	"errors"
	"fmt"

	"cutover.dev/cutover/pkg/zone"
)

// Editor is a zone that only its name servers know.
type Editor struct {
	Zone    string
	Servers func(context.Context) ([]zone.Server, error) // who answers for it
}

// Abilities is zone.Editor's. Nobody can promise what a person's tool does with several records.
func (e *Editor) Abilities() zone.Abilities {
	return zone.Abilities{CompareAndSwap: true, ByHand: true, Guess: "by answers alone the two look alike"}
}

// Get is zone.Editor's: what the first name server that answers serves. What a wildcard above a name answers alike is taken for
// the wildcard's.
func (e *Editor) Get(ctx context.Context, names []string) (zone.Names, error) {
	servers, err := e.Servers(ctx)
	if err != nil {
		return nil, err
	}
	last := errors.New("there is no name server")
	for _, s := range servers {
		var own zone.Names
		if own, last = zone.Own(ctx, s, e.Zone, names); last == nil {
			return own, nil
		}
	}
	return nil, fmt.Errorf("read the zone: %w", last)
}

// Swap is zone.Editor's. The person has been told.
func (e *Editor) Swap(context.Context, []zone.Change) error { return nil }

// Check is zone.Editor's.
func (e *Editor) Check(ctx context.Context) error {
	_, err := e.Servers(ctx)
	return err
}
