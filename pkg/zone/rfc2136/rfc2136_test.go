package rfc2136_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"cutover.dev/cutover/pkg/fault"
	"cutover.dev/cutover/pkg/phase"
	"cutover.dev/cutover/pkg/zone"
	"cutover.dev/cutover/pkg/zone/rfc2136"
	"cutover.dev/cutover/pkg/zone/zonetest"
)

// Who only plans has no key: what is served is seen, and of what looks like a wildcard's it is said that nobody knows.
func TestWithoutASecretTheZoneIsReadAndWhatCannotBeToldIsNamed(t *testing.T) {
	s := zonetest.Start(t, zonetest.BIND, zonetest.Before+"*.deep.wild 300 IN A 203.0.113.99\n", zonetest.Options{})
	z := &zone.Zone{
		Name: zonetest.Zone, Servers: zonetest.Servers(s),
		Editor: rfc2136.New(zonetest.Zone, s.Addr, zonetest.Key, zonetest.Algorithm, ""),
	}
	names := []string{"web.shop.test", "own.wild.shop.test", "any.deep.wild.shop.test"}
	own, err := z.Editor.Get(t.Context(), names)
	if err != nil || len(own[names[0]]) != 1 || len(own[names[1]]) != 0 || len(own[names[2]]) != 0 {
		t.Fatalf("%v, %v", own, err)
	}
	m := zone.Move{Zone: z, Names: names, Want: func(_ context.Context, _ string, s zone.Seen) ([]zone.Set, error) { return s.Own, nil }}
	o, err := m.Observe(t.Context())
	if err != nil || o.State != phase.Done || strings.Contains(o.Detail, names[0]) {
		t.Errorf("%v: %s (%v)", o.State, o.Detail, err)
	}
	for _, part := range []string{names[1], names[2], "CUTOVER_TSIG_SECRET is not set"} {
		if !strings.Contains(o.Detail, part) {
			t.Errorf("%q is not said: %s", part, o.Detail)
		}
	}
	if err := z.Editor.Swap(t.Context(), []zone.Change{{Name: names[0], Was: own[names[0]]}}); fault.CodeOf(err) != fault.Usage {
		t.Errorf("a change without a secret: %v", err)
	}
}

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
					Change: func(_ *testing.T, set zone.Set) { s.Put(set) },
					Down: func(t *testing.T) zone.Editor {
						at := fmt.Sprintf("127.0.0.1:%d", zonetest.FreePort(t, "127.0.0.1"))
						return rfc2136.New(zonetest.Zone, at, zonetest.Key, zonetest.Algorithm, s.Secret)
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
