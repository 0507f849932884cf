package zonetest

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"cutover.dev/cutover/pkg/fault"
	"cutover.dev/cutover/pkg/phase"
	"cutover.dev/cutover/pkg/zone"
)

type addresses func(name string, ttl uint32, data ...string) zone.Set

func refusesLow(t *testing.T, f Fixture, a addresses) {
	least := f.Editor.Abilities().MinTTL
	if least == 0 {
		t.Skip("it knows no lowest TTL")
	}
	was := get(t, f.Editor, "web.shop.test")
	err := f.Editor.Swap(t.Context(), []zone.Change{{Name: "web.shop.test", Was: was, Want: []zone.Set{a("web.shop.test", least-1, "198.51.100.20")}}})
	if fault.CodeOf(err) != fault.Refused {
		t.Errorf("a TTL of %d: want code %d, got %v", least-1, fault.Refused, err)
	}
	served(t, f, "web.shop.test", was)
}

// races lets somebody else write in the last moment. An editor that compares and swaps writes nothing then; one that says it
// cannot may win, and must not claim that it noticed.
func races(t *testing.T, f Fixture, a addresses) {
	if f.Between == nil {
		if !f.Editor.Abilities().CompareAndSwap {
			t.Fatal("an editor without compare-and-swap looks before it writes: the fixture has to say when")
		}
		t.Skip("the server compares; there is no moment in between")
	}
	was := get(t, f.Editor, "web.shop.test")
	theirs, ours := a("web.shop.test", 300, "192.0.2.99"), a("web.shop.test", 60, "198.51.100.20")
	f.Between(func() { f.Change(t, theirs) })
	err := f.Editor.Swap(t.Context(), []zone.Change{{Name: "web.shop.test", Was: was, Want: []zone.Set{ours}}})
	switch {
	case errors.Is(err, phase.ErrMoved):
		served(t, f, "web.shop.test", []zone.Set{theirs})
	case f.Editor.Abilities().CompareAndSwap:
		t.Errorf("want %v, got %v", phase.ErrMoved, err)
	case err == nil: // what allowRace in a plan accepts; theirs may be left beside ours
		if set, _ := zone.Typed(get(t, f.Editor, "web.shop.test"), "A"); !slices.Contains(set.Data, ours.Data[0]) {
			t.Errorf("the swap is said to be done, and there is %v", set)
		}
	}
}

// beyond sees that what an editor says it cannot change is a no, by name, and changes nothing.
func beyond(t *testing.T, f Fixture, name string, want []zone.Set) bool {
	t.Helper()
	a := f.Editor.Abilities()
	for _, s := range want {
		if a.Types != nil && !slices.Contains(a.Types, s.Type) {
			if _, err := f.Editor.Get(t.Context(), []string{name}); fault.CodeOf(err) != fault.Refused || !strings.Contains(err.Error(), name) {
				t.Errorf("%s with a type that it does not know: want a no, got %v", name, err)
			}
			return true
		}
	}
	if !a.AliasStays {
		return false
	}
	was := get(t, f.Editor, name)
	_, alias := zone.Typed(want, "CNAME")
	if _, before := zone.Typed(was, "CNAME"); before == alias {
		return false
	}
	if err := f.Editor.Swap(t.Context(), []zone.Change{{Name: name, Was: was, Want: want}}); fault.CodeOf(err) != fault.Refused {
		t.Errorf("between alias and addresses: want a no, got %v", err)
	}
	served(t, f, name, was)
	return true
}

// nobody: what cannot be asked is no no, and nothing moved.
func nobody(t *testing.T, f Fixture, a addresses) {
	down := f.Down(t)
	_, reading := down.Get(t.Context(), []string{"web.shop.test"})
	swapping := down.Swap(t.Context(), []zone.Change{{Name: "web.shop.test", Was: []zone.Set{a("web.shop.test", 300, "203.0.113.10")}}})
	for about, err := range map[string]error{"Get": reading, "Swap": swapping, "Check": down.Check(t.Context())} {
		if fault.CodeOf(err) != fault.Unknown || errors.Is(err, phase.ErrMoved) {
			t.Errorf("%s: want an error without a code, got %v", about, err)
		}
	}
}
