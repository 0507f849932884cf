package parts

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"cutover.dev/cutover/pkg/fault"
	"cutover.dev/cutover/pkg/phase"
)

// oftenMoved is how many different answers a host name may give while a process runs: before a move and after it.
const oftenMoved = 2

// Hostname is a name that stands for addresses which are written down somewhere. They may move now and then; a name that
// rotates cannot be written down, and is refused once it is seen to. Who asks a cache may see it only after it was written.
// Make it with NewHostname.
type Hostname struct {
	name   string
	lookup func(ctx context.Context, host string) ([]string, error)

	turn chan struct{} // held by who asks: answers are compared in the order in which they come
	led  [][]string    // where it led so far, without what was the same again
}

// NewHostname is a name as lookup resolves it.
func NewHostname(name string, lookup func(ctx context.Context, host string) ([]string, error)) *Hostname {
	return &Hostname{name: name, lookup: lookup, turn: make(chan struct{}, 1)}
}

func (h *Hostname) String() string {
	if h == nil {
		return ""
	}
	return h.name
}

// Explains is observe, which says in words what moved where something that is there is not as the name leads now. It asks for the
// name also where nothing is there yet: before that is made, a name that rotates has been asked for more than once.
func (h *Hostname) Explains(observe func(context.Context) (phase.Observation, error)) func(context.Context) (phase.Observation, error) {
	if h == nil {
		return observe
	}
	return func(ctx context.Context) (phase.Observation, error) {
		o, err := observe(ctx)
		if err != nil || o.State != phase.Pending {
			return o, err
		}
		now, err := h.Leads(ctx)
		if string(o.Was) != "null" {
			o.Detail += "; " + h.name + " leads to " + strings.Join(now, " and ")
		}
		return o, err
	}
}

// Leads asks where the name leads, sorted. What is new is asked for once more.
func (h *Hostname) Leads(ctx context.Context) ([]string, error) {
	select {
	case h.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	defer func() { <-h.turn }()
	for {
		found, err := h.lookup(ctx, h.name)
		if err != nil {
			return nil, fmt.Errorf("resolve %s: %w", h.name, err)
		}
		found = slices.Clone(found)
		slices.Sort(found)
		found = slices.Compact(found)
		n := len(h.led)
		if n > 0 && slices.Equal(found, h.led[n-1]) {
			return found, nil
		}
		h.led = append(h.led, found)
		back := n > 0 && slices.ContainsFunc(h.led[:n], func(before []string) bool { return slices.Equal(before, found) })
		if back || len(h.led) > oftenMoved {
			return nil, h.rotates()
		}
	}
}

// rotates is the no to such a name. It is given once more as soon as that is seen again: a name that moved while some resolvers
// still had the old answer comes to rest.
func (h *Hostname) rotates() error {
	var led []string
	for _, addresses := range h.led {
		led = append(led, strings.Join(addresses, " and "))
	}
	h.led = h.led[len(h.led)-1:]
	return fault.Wrap(fault.Refused, "name all of its addresses instead of the host name; if it has just moved, run again when caches have forgotten where it led",
		errors.New(h.name+" leads elsewhere each time that it is asked for: to "+strings.Join(led, ", then to ")))
}
