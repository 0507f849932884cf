package rfc2136_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"cutover.dev/cutover/pkg/zone"
	"cutover.dev/cutover/pkg/zone/rfc2136"
	"cutover.dev/cutover/pkg/zone/zonetest"
)

func TestEveryServerIsEditedByTheSameRules(t *testing.T) {
	for _, kind := range zonetest.Kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			zonetest.Conform(t, func(t *testing.T) zonetest.Fixture {
				s := zonetest.Start(t, kind, zonetest.Before, zonetest.Options{})
				edit := func(secret string) zone.Editor {
					return rfc2136.New(zonetest.Zone, s.Addr, zonetest.Key, zonetest.Algorithm, secret)
				}
				return zonetest.Fixture{
					Editor: edit(s.Secret), Zone: &zone.Zone{Name: zonetest.Zone, Servers: zonetest.Servers(s)},
					Change: func(t *testing.T, set zone.Set) {
						records, err := zone.Records(set)
						if err != nil {
							t.Fatal(err)
						}
						lines := []string{set.Name + " " + set.Type}
						for _, rr := range records {
							lines = append(lines, rr.String())
						}
						s.Update(zonetest.Zone, lines...)
					},
					Wrong: func(*testing.T) (zone.Editor, string) {
						secret := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("x", 32)))
						return edit(secret), secret
					},
				}
			})
		})
	}
}
