package zonetest

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cutover.dev/cutover/pkg/phase"
	"cutover.dev/cutover/pkg/zone"
)

// Before is the zone that Conform starts from.
const Before Records = `web 300 IN A 203.0.113.10
two 300 IN A 203.0.113.10
two 300 IN AAAA 2001:db8::10
alias 300 IN CNAME lb
lb 300 IN A 203.0.113.10
svc 300 IN A 203.0.113.10
svc 300 IN HTTPS 1 . alpn=h2 ipv4hint=203.0.113.10
text 300 IN A 203.0.113.10
text 300 IN TXT "heritage=external-dns"
@ 300 IN A 203.0.113.10
*.wild 300 IN A 203.0.113.10
own.wild 300 IN A 203.0.113.10
`

// Fixture is one editor with the zone it edits.
type Fixture struct {
	Editor zone.Editor
	Zone   *zone.Zone                               // who serves it
	Change func(t *testing.T, set zone.Set)         // somebody else replaces a set, or makes it
	Wrong  func(t *testing.T) (zone.Editor, string) // the same with a key that is not the server's, and its secret; nil: there are no keys
	Down   func(t *testing.T) zone.Editor           // the same behind an address where nobody answers

	// Between makes something happen when the next Swap has looked and is about to write. Nil: it writes without a look,
	// and the server compares.
	Between func(happen func())
}

// Conform is what every editor has to do. fresh makes a zone that is as in Before.
func Conform(t *testing.T, fresh func(t *testing.T) Fixture) {
	t.Helper()
	a := func(name string, ttl uint32, data ...string) zone.Set {
		return zone.Set{Name: name, Type: "A", TTL: ttl, Data: data}
	}
	aaaa := func(name string, ttl uint32, data ...string) zone.Set {
		return zone.Set{Name: name, Type: "AAAA", TTL: ttl, Data: data}
	}
	cname := func(name string, ttl uint32, data string) zone.Set {
		return zone.Set{Name: name, Type: "CNAME", TTL: ttl, Data: []string{data}}
	}
	low := max(5, fresh(t).Editor.Abilities().MinTTL)
	for _, c := range []struct {
		about string
		name  string
		want  []zone.Set
	}{
		{"another address", "web.shop.test", []zone.Set{a("web.shop.test", 60, "198.51.100.20")}},
		{"the TTL alone", "web.shop.test", []zone.Set{a("web.shop.test", low, "203.0.113.10")}},
		{"A becomes CNAME", "web.shop.test", []zone.Set{cname("web.shop.test", 60, "lb.new.test.")}},
		{"A and AAAA become CNAME", "two.shop.test", []zone.Set{cname("two.shop.test", 60, "lb.new.test.")}},
		{"CNAME becomes A and AAAA", "alias.shop.test", []zone.Set{a("alias.shop.test", 60, "198.51.100.20"), aaaa("alias.shop.test", 60, "2001:db8::20")}},
		{"AAAA only in old goes", "two.shop.test", []zone.Set{a("two.shop.test", 60, "198.51.100.20")}},
		{"HTTPS changes its hints", "svc.shop.test", []zone.Set{
			a("svc.shop.test", 60, "198.51.100.20"),
			{Name: "svc.shop.test", Type: "HTTPS", TTL: 60, Data: []string{`1 . alpn="h2" ipv4hint="198.51.100.20"`}},
		}},
		{"beside a TXT", "text.shop.test", []zone.Set{a("text.shop.test", 60, "198.51.100.20", "198.51.100.21")}},
		{"the apex", "shop.test", []zone.Set{a("shop.test", 60, "198.51.100.20"), aaaa("shop.test", 60, "2001:db8::20")}},
		{"a wildcard", "*.wild.shop.test", []zone.Set{a("*.wild.shop.test", 60, "198.51.100.20")}},
		{"a name below a wildcard", "own.wild.shop.test", []zone.Set{a("own.wild.shop.test", 60, "198.51.100.20")}},
	} {
		t.Run("Swap, "+c.about+", and back", func(t *testing.T) {
			f := fresh(t)
			if beyond(t, f, c.name, c.want) {
				return
			}
			was := get(t, f.Editor, c.name)
			if len(was) == 0 {
				t.Fatalf("%s has nothing to begin with", c.name)
			}
			swap(t, f, zone.Change{Name: c.name, Was: was, Want: c.want})
			swap(t, f, zone.Change{Name: c.name, Was: c.want, Want: was})
		})
	}
	t.Run("Swap refuses what is not as it was", func(t *testing.T) { refusesMoved(t, fresh(t), a) })
	t.Run("Swap makes all changes or none", func(t *testing.T) {
		f := fresh(t)
		err := f.Editor.Swap(t.Context(), []zone.Change{
			{Name: "web.shop.test", Was: get(t, f.Editor, "web.shop.test"), Want: []zone.Set{a("web.shop.test", 60, "198.51.100.20")}},
			{Name: "lb.shop.test", Was: []zone.Set{a("lb.shop.test", 300, "192.0.2.99")}, Want: []zone.Set{a("lb.shop.test", 60, "198.51.100.20")}},
		})
		if !errors.Is(err, phase.ErrMoved) {
			t.Errorf("want %v, got %v", phase.ErrMoved, err)
		}
		served(t, f, "web.shop.test", []zone.Set{a("web.shop.test", 300, "203.0.113.10")})
	})
	t.Run("Swap never deletes for a CNAME that cannot stand there", func(t *testing.T) {
		for _, name := range []string{"text.shop.test", "shop.test"} {
			f := fresh(t)
			was := get(t, f.Editor, name)
			err := f.Editor.Swap(t.Context(), []zone.Change{{Name: name, Was: was, Want: []zone.Set{cname(name, 60, "lb.new.test.")}}})
			if err == nil {
				t.Errorf("%s: a CNAME beside other records was taken", name)
			}
			served(t, f, name, was)
		}
	})
	t.Run("Get tells what a wildcard answers from what a name owns", func(t *testing.T) {
		f := fresh(t)
		if got := get(t, f.Editor, "any.wild.shop.test"); len(got) > 0 {
			t.Errorf("any.wild.shop.test owns nothing, got %v", got)
		}
		if got := get(t, f.Editor, "own.wild.shop.test"); len(got) != 1 {
			t.Errorf("own.wild.shop.test owns an address, got %v", got)
		}
	})
	t.Run("Swap moves 500 names at once", func(t *testing.T) { moves500(t, fresh(t)) })
	t.Run("Swap refuses a TTL that is too low", func(t *testing.T) { refusesLow(t, fresh(t), a) })
	t.Run("Swap either notices who is quicker or promises nothing", func(t *testing.T) { races(t, fresh(t), a) })
	t.Run("Nobody there is no answer", func(t *testing.T) { nobody(t, fresh(t), a) })
	t.Run("Check lets the right key in and the wrong one not", func(t *testing.T) { checksKey(t, fresh(t)) })
}

func get(t *testing.T, e zone.Editor, name string) []zone.Set {
	t.Helper()
	all, err := e.Get(t.Context(), []string{name})
	if err != nil {
		t.Fatal(err)
	}
	return all[name]
}

func swap(t *testing.T, f Fixture, c zone.Change) {
	t.Helper()
	if err := f.Editor.Swap(t.Context(), []zone.Change{c}); err != nil {
		t.Fatalf("swap %v for %v: %v", c.Was, c.Want, err)
	}
	if got := get(t, f.Editor, c.Name); !zone.Same(got, c.Want) {
		t.Errorf("Get after the swap: %s", cmp.Diff(c.Want, got))
	}
	served(t, f, c.Name, c.Want)
}

// served fails unless every server serves exactly that over UDP and TCP.
func served(t *testing.T, f Fixture, name string, want []zone.Set) {
	t.Helper()
	readings, err := f.Zone.Read(t.Context(), []string{name})
	if err != nil {
		t.Fatal(err)
	}
	if behind := zone.Behind(readings, zone.Names{name: want}); len(behind) > 0 {
		t.Errorf("not served: %v", behind)
	}
}

func refusesMoved(t *testing.T, f Fixture, a addresses) {
	was := get(t, f.Editor, "web.shop.test")
	other := a("web.shop.test", 300, "192.0.2.99")
	f.Change(t, other)
	err := f.Editor.Swap(t.Context(), []zone.Change{{Name: "web.shop.test", Was: was, Want: []zone.Set{a("web.shop.test", 60, "198.51.100.20")}}})
	if !errors.Is(err, phase.ErrMoved) {
		t.Errorf("want %v, got %v", phase.ErrMoved, err)
	}
	served(t, f, "web.shop.test", []zone.Set{other})
	if f.Editor.Abilities().AliasStays {
		return
	}
	f.Change(t, zone.Set{Name: "alias.shop.test", Type: "CNAME", TTL: 300, Data: []string{"elsewhere.test."}})
	err = f.Editor.Swap(t.Context(), []zone.Change{{
		Name: "alias.shop.test", Was: []zone.Set{{Name: "alias.shop.test", Type: "CNAME", TTL: 300, Data: []string{"lb.shop.test."}}},
		Want: []zone.Set{a("alias.shop.test", 60, "198.51.100.20")},
	}})
	if !errors.Is(err, phase.ErrMoved) {
		t.Errorf("want %v, got %v", phase.ErrMoved, err)
	}
}

func moves500(t *testing.T, f Fixture) {
	var there, back []zone.Change
	want := zone.Names{}
	for i := range 500 {
		name := fmt.Sprintf("host%d.shop.test", i)
		set := zone.Set{Name: name, Type: "A", TTL: 60, Data: []string{"198.51.100.20"}}
		there = append(there, zone.Change{Name: name, Want: []zone.Set{set}})
		back = append(back, zone.Change{Name: name, Was: []zone.Set{set}, Want: []zone.Set{{Name: name, Type: "A", TTL: 60, Data: []string{"203.0.113.10"}}}})
		want[name] = back[i].Want
	}
	for _, changes := range [][]zone.Change{there, back} {
		if err := zone.Swap(t.Context(), f.Editor, changes); err != nil {
			t.Fatal(err)
		}
	}
	names := make([]string, 0, len(want))
	for name := range want {
		names = append(names, name)
	}
	readings, err := f.Zone.Read(t.Context(), names)
	if err != nil {
		t.Fatal(err)
	}
	if behind := zone.Behind(readings, want); len(behind) > 0 {
		t.Errorf("not served: %v", behind)
	}
}
