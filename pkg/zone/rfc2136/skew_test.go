package rfc2136

import (
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"cutover.dev/cutover/pkg/fault"
	"cutover.dev/cutover/pkg/zone"
	"cutover.dev/cutover/pkg/zone/zonetest"
)

// A clock that is wrong by more than the protocol lets pass is a no that says so, from either side, and nothing is written.
func TestClocksThatDifferTooMuchAreANoThatSaysSo(t *testing.T) {
	for _, kind := range zonetest.Kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			s := zonetest.Start(t, kind, zonetest.Before, zonetest.Options{})
			e := New(zonetest.Zone, s.Addr, zonetest.Key, zonetest.Algorithm, s.Secret)
			first := s.Serial(zonetest.Zone)
			for by, refused := range map[time.Duration]bool{-time.Hour: true, time.Hour: true, -4 * time.Minute: false} {
				m := e.message()
				if err := updates(m, zone.Change{Name: "web.shop.test", Want: []zone.Set{{Name: "web.shop.test", Type: "A", TTL: 60, Data: []string{"198.51.100.20"}}}}); err != nil {
					t.Fatal(err)
				}
				if !refused { // only whether it would be let in
					m.Ns = nil
				}
				m.SetTsig(e.key, e.algorithm, fudge, time.Now().Add(by).Unix())
				answer, err := e.deliver(t.Context(), m, "try")
				if err != nil {
					t.Fatalf("by %s: %v", by, err)
				}
				if !refused {
					if answer.Rcode != dns.RcodeSuccess {
						t.Errorf("by %s: %v", by, answer)
					}
					continue
				}
				err = e.refusal("try", answer)
				if hints := strings.Join(fault.Hints(err), "\n"); fault.CodeOf(err) != fault.Refused || !strings.Contains(hints, "clock") {
					t.Errorf("by %s: %v (%s)\n%v", by, err, hints, answer)
				}
			}
			if s.Serial(zonetest.Zone) != first {
				t.Error("the zone was changed")
			}
		})
	}
}
