package zone_test

import (
	"context"
	"strings"
	"testing"

	"cutover.dev/cutover/pkg/phase"
	"cutover.dev/cutover/pkg/zone"
	"cutover.dev/cutover/pkg/zone/zonetest"
)

// limited reads by answers, and says what it cannot do.
type limited struct {
	book *zonetest.Book
	can  zone.Abilities
}

func (l limited) Get(ctx context.Context, names []string) (zone.Names, error) {
	return zone.Own(ctx, zone.Server{Addr: l.book.Addr}, zonetest.Zone, names)
}
func (l limited) Swap(context.Context, []zone.Change) error { return nil }
func (l limited) Check(context.Context) error               { return nil }
func (l limited) Abilities() zone.Abilities                 { return l.can }

// A no belongs before the first change, not into its middle.
func TestWhatIsBeyondAnEditorIsANoBeforeItIsAsked(t *testing.T) {
	book := zonetest.Open(t, zonetest.Parse(t, zonetest.Before))
	alias := zone.Set{Name: "web.shop.test", Type: "CNAME", TTL: 60, Data: []string{"lb.new.test."}}
	short := zone.Set{Name: "web.shop.test", Type: "A", TTL: 30, Data: []string{"198.51.100.20"}}
	for about, c := range map[string]struct {
		can  zone.Abilities
		want zone.Set
		no   string
	}{
		"an alias, and it may":      {want: alias},
		"an alias, and it may not":  {can: zone.Abilities{AliasStays: true}, want: alias, no: "would change between alias and addresses"},
		"a short TTL":               {want: short},
		"a TTL that is too short":   {can: zone.Abilities{MinTTL: 60}, want: short, no: "would get a TTL of 30s, and who serves the zone takes 60s at least"},
		"an address where it stays": {can: zone.Abilities{AliasStays: true}, want: short},
	} {
		m := zone.Move{
			Zone: &zone.Zone{Name: zonetest.Zone, Servers: book.Servers, Editor: limited{book, c.can}}, Names: []string{"web.shop.test"},
			Want: func(context.Context, string, zone.Seen) ([]zone.Set, error) { return []zone.Set{c.want}, nil },
		}
		o, err := m.Observe(t.Context())
		if err != nil || c.no == "" && o.State != phase.Pending || c.no != "" && (o.State != phase.Failed || !strings.Contains(o.Detail, c.no)) {
			t.Errorf("%s: %v %q, %v", about, o.State, o.Detail, err)
		}
	}
}
