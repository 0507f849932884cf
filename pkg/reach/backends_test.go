package reach_test

import (
	"slices"
	"testing"

	"cutover.dev/cutover/pkg/replset"
	"cutover.dev/cutover/pkg/replset/mongotest"
	"cutover.dev/cutover/pkg/zone"
	"cutover.dev/cutover/pkg/zone/rfc2136"
	"cutover.dev/cutover/pkg/zone/zonetest"
)

func TestAReplicaSetIsSeenThroughTheRelay(t *testing.T) {
	rig := mongotest.Start(t, 1)
	rig.Initiate(rig.Hosts(0, 1)...)
	host := rig.Mongods[0].Host
	r, way := relayed(t, "tcp/"+host)
	s, err := replset.Open(replset.Options{URI: rig.URI(host), Dial: r.DialContext})
	must(t, err)
	t.Cleanup(func() { s.Close(t.Context()) })
	v, err := s.View(t.Context())
	if err != nil || len(v.Members) != 1 || way.opened.Load() == 0 {
		t.Errorf("%+v %v by way of %d streams", v, err, way.opened.Load())
	}
	way.cut()
	if v, err := s.View(t.Context()); err != nil || len(v.Members) != 1 {
		t.Errorf("after the way broke: %+v %v", v, err)
	}
}

func TestAZoneIsReadOverBothNetworksAndChangedThroughTheRelay(t *testing.T) {
	s := zonetest.Start(t, zonetest.BIND, zonetest.Before, zonetest.Options{})
	r, way := relayed(t, "tcp/"+s.Addr, "udp/"+s.Addr)
	editor := rfc2136.New(zonetest.Zone, s.Addr, zonetest.Key, zonetest.Algorithm, s.Secret)
	editor.By = r
	must(t, editor.Check(t.Context()))
	const name = "web." + zonetest.Zone
	own, err := editor.Get(t.Context(), []string{name})
	must(t, err)
	want := []zone.Set{{Name: name, Type: "A", TTL: 7, Data: []string{"192.0.2.77"}}}
	must(t, editor.Swap(t.Context(), []zone.Change{{Name: name, Was: own[name], Want: want}}))
	for _, network := range []string{"udp", "tcp"} {
		before := way.opened.Load()
		answers, err := zone.Ask(t.Context(), zone.Server{Addr: s.Addr, By: r}, network, []string{name})
		if err != nil || !zone.Same(answers[name].Sets, want) || way.opened.Load() == before {
			t.Errorf("over %s: %v %v", network, answers, err)
		}
	}
	got, err := zone.Resolve(t.Context(), zone.Server{Addr: s.Addr, By: r}, name)
	if err != nil || !slices.Equal(got, []string{"192.0.2.77"}) {
		t.Errorf("%v %v", got, err)
	}
}
