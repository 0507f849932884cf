package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"cutover.dev/cutover/pkg/fault"
	"cutover.dev/cutover/pkg/inventory"
	"cutover.dev/cutover/pkg/itinerary"
	"cutover.dev/cutover/pkg/journal"
	"cutover.dev/cutover/pkg/phase"
	"cutover.dev/cutover/pkg/phase/cleanup"
	"cutover.dev/cutover/pkg/phase/dns"
	"cutover.dev/cutover/pkg/phase/join"
	"cutover.dev/cutover/pkg/phase/link"
	"cutover.dev/cutover/pkg/phase/migrate"
	"cutover.dev/cutover/pkg/phase/parts"
	"cutover.dev/cutover/pkg/phase/proxy"
	"cutover.dev/cutover/pkg/phase/routes"
	"cutover.dev/cutover/pkg/phase/stepdown"
	"cutover.dev/cutover/pkg/phase/ttl"
)

// copying is how long the journal's copy to old may take.
const copying = 10 * time.Second

// inventoryBlob is the name under which the frozen inventory is stored.
const inventoryBlob = "inventory"

// read loads the journal and works out where the migration stands.
func (s *session) read(ctx context.Context) (err error) {
	if s.log, err = journal.Open(ctx, s.store, s.run); err != nil {
		return unsure(fmt.Errorf("read the journal: %w", err))
	}
	s.stops = itinerary.Of(s.plan, s.log)
	return nil
}

// recall reads the journal and, if there is one, the frozen inventory.
func (s *session) recall(ctx context.Context) error {
	if err := s.read(ctx); err != nil {
		return err
	}
	return s.thaw(ctx)
}

// prepare reads the journal and the inventory and builds the phases.
func (s *session) prepare(ctx context.Context) error {
	if err := errors.Join(s.recall(ctx), s.startRelays(ctx)); err != nil {
		return err
	}
	if !s.frozen {
		inv, err := s.live(ctx)
		if err != nil {
			return err
		}
		s.inv = inv
	}
	s.phases = phasesOf(s.deps())
	return s.veil(ctx)
}

func (s *session) deps() parts.Deps {
	return parts.Deps{
		Plan: s.plan, Inventory: s.inv, Old: s.old, New: s.new, Mongo: s.mongo, NewGone: s.gone,
		Zones: zonesOf(s.plan, s.call.env, s.talker()), Now: s.call.flags.Now,
		Reach: s.reach,
	}
}

// thaw loads the frozen inventory, if there is one.
func (s *session) thaw(ctx context.Context) error {
	data, err := s.store.LoadBlob(ctx, inventoryBlob)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	inv := &inventory.Inventory{}
	if err == nil {
		err = json.Unmarshal(data, inv)
	}
	if err != nil {
		return unsure(fmt.Errorf("read the frozen inventory: %w", err))
	}
	s.inv, s.frozen = inv, true
	return nil
}

// live takes the inventory now.
func (s *session) live(ctx context.Context) (*inventory.Inventory, error) {
	inv, err := inventory.Take(ctx, s.old, s.plan.Spec.Namespaces)
	if err != nil {
		return nil, unsure(err)
	}
	e := s.plan.Spec.Entry
	if inv.Controllers, err = inventory.FindControllers(ctx, s.old, s.new, e.Old.IngressClass, e.New.IngressClass); err != nil {
		return nil, unsure(err)
	}
	return inv, nil
}

// freeze stores the inventory that all later runs compare with.
func (s *session) freeze(ctx context.Context, inv *inventory.Inventory, replace bool) error {
	data, err := json.Marshal(inv)
	if err != nil {
		return fmt.Errorf("freeze the inventory: %w", err)
	}
	if err := s.store.SaveBlob(ctx, inventoryBlob, data, replace); err != nil {
		return unsure(fmt.Errorf("freeze the inventory: %w", err))
	}
	s.inv, s.frozen = inv, true
	s.copyLast(ctx)
	return nil
}

// copyLast is copy, also for a run that was asked to stop.
func (s *session) copyLast(ctx context.Context) {
	last, cancel := s.last(ctx, copying)
	defer cancel()
	s.copy(last)
}

// copy brings old's copy of the journal up to date. That it could not is told, and stops nothing: new is authoritative,
// and old may be what is in trouble.
func (s *session) copy(ctx context.Context) {
	if s.mirror == nil {
		return
	}
	if err := s.store.Mirror(ctx, s.mirror); err != nil {
		s.call.warn("the journal was not copied to old: %v", err)
	}
}

// phasesOf makes every phase that this build has, by name.
func phasesOf(d parts.Deps) map[string]phase.Phase {
	out := map[string]phase.Phase{}
	for _, name := range d.Plan.Phases() {
		wave, isWave := strings.CutPrefix(name, "migrate/")
		switch {
		case name == "ttl" && len(d.Plan.Spec.DNS.Zones) > 0:
			out[name] = ttl.New(d)
		case name == "dns" && len(d.Plan.Spec.DNS.Zones) > 0:
			out[name] = dns.New(d)
		case name == link.Name:
			out[name] = link.New(d)
		case name == join.Name:
			out[name] = join.New(d)
		case name == stepdown.Name:
			out[name] = stepdown.New(d)
		case name == "proxy":
			out[name] = proxy.New(d)
		case name == "routes":
			out[name] = routes.New(d)
		case name == "cleanup":
			out[name] = cleanup.New(d)
		case isWave:
			if w, ok := d.Plan.Wave(wave); ok {
				out[name] = migrate.New(d, w)
			}
		}
	}
	return out
}

// phase returns the phase that --phase names or, without it, the next one, and where it stands.
func (s *session) phase() (phase.Phase, itinerary.Stop, error) {
	name := s.call.flags.Phase
	if name == "" {
		next, ok := itinerary.Next(s.stops)
		if !ok {
			return phase.Phase{}, itinerary.Stop{}, errNothing
		}
		name = next.Name
	}
	for _, stop := range s.stops {
		if stop.Name != name {
			continue
		}
		p, ok := s.phases[name]
		if !ok {
			return p, stop, fault.New(fault.Refused, "", "phase %s is not built yet%s", name, because(stop.Why))
		}
		return p, stop, nil
	}
	return phase.Phase{}, itinerary.Stop{}, fault.New(fault.Usage, "the phases are "+strings.Join(s.plan.Phases(), ", "),
		"the plan has no phase %q", name)
}

// errNothing says that no phase is left within the plan's through.
var errNothing = errors.New("nothing is left to do within spec.through of the plan")

func because(why string) string {
	if why == "" {
		return ""
	}
	return ": " + why
}

// unsure gives an error that has no code the one for "could not tell".
func unsure(err error) error {
	if fault.CodeOf(err) != fault.Unknown || errors.Is(err, context.Canceled) {
		return err
	}
	return fault.Wrap(fault.Unsure, "", err)
}
