package e2e

import (
	"slices"
	"testing"

	"cutover.dev/cutover/lab/rehearse"
	"cutover.dev/cutover/lab/world"
)

// holding is a snapshot of objects that have nothing in them but annotations.
func holding(off bool, keys ...string) rehearse.Snapshot {
	s := rehearse.Snapshot{}
	for _, key := range keys {
		s[key] = map[string]any{"metadata": map[string]any{}}
	}
	route := map[string]any{"annotations": map[string]any{"team": "shop"}}
	if off {
		route = map[string]any{"annotations": map[string]any{"team": "shop", "external-dns.kubernetes.io/controller": "cutover-disabled"}}
	}
	s["shop/Ingress/shop"] = map[string]any{"metadata": route}
	return s
}

func TestTheEndOfARoadIsWhatWasMadeWithoutWhatWasBuiltForTheWay(t *testing.T) {
	const memory, role, proxy, web, tail = "cutover-system/ConfigMap/cutover-demo-journal-0", "shop/Role/cutover-run", "shop/Service/cutover-proxy", "shop/Deployment/web", "shop/Service/cutover-tail"
	origin := holding(false, role)
	for name, c := range map[string]struct {
		in            world.Cluster
		before, after rehearse.Snapshot
		gone          int
		wrong         []string
	}{
		"as it should be":            {world.New, holding(true, role, memory, proxy, web), holding(false, role, memory, web), 1, nil},
		"the tail stays in old":      {world.Old, holding(false, role, tail), holding(false, role, tail), 0, nil},
		"the tail stays in new":      {world.New, holding(true, role, tail), holding(false, role, tail), 0, []string{tail + " is still there"}},
		"the proxy stays":            {world.New, holding(true, role, proxy), holding(false, role, proxy), 0, []string{proxy + " is still there"}},
		"a workload went as well":    {world.New, holding(true, role, web), holding(false, role), 0, []string{"there was something else when the waves had ended: " + web + ": vanished"}},
		"nobody may act on a route":  {world.New, holding(true, role), holding(true, role), 0, []string{"external-dns and cert-manager were switched off by 1 annotations, and are by 1"}},
		"nobody was ever kept from":  {world.New, holding(false, role), holding(false, role), 0, []string{"external-dns and cert-manager were switched off by 0 annotations, and are by 0"}},
		"a role of before went":      {world.Old, holding(false, role), holding(false), 0, []string{"there was something else when the waves had ended: " + role + ": vanished"}},
		"something of others is new": {world.Old, holding(false), holding(false, web), 0, []string{"there was something else when the waves had ended: " + web + ": appeared"}},
	} {
		if wrong, gone := unlike(c.in, origin, c.before, c.after); gone != c.gone || !slices.Equal(wrong, c.wrong) {
			t.Errorf("%s: %d went, %q, want %d, %q", name, gone, wrong, c.gone, c.wrong)
		}
	}
}

func TestOnlyAnAddressThatIsDrawnAnewIsNoDifference(t *testing.T) {
	for line, want := range map[string]bool{
		`shop/Service/cutover-tail: spec.clusterIP is "10.61.242.12", was "10.61.209.104"`:     true,
		`shop/Service/cutover-tail: spec.clusterIPs[0] is "10.61.242.12", was "10.61.209.104"`: true,
		`shop/Service/cutover-tail: spec.clusterIP is "10.61.242.12", was "None"`:              false,
		`shop/Service/cutover-tail: spec.type is "NodePort", was "ClusterIP"`:                  false,
	} {
		if drawn(line) != want {
			t.Errorf("%s: drawn %v, want %v", line, !want, want)
		}
	}
}

func TestBoundariesOfOneSortDifferInTheirObjectsOnly(t *testing.T) {
	one, other := sortOf("begun: swap the routes of ingress shop/shop to shop/Deployment/web in new"), sortOf("begun: swap the routes of ingress blog/media to blog/Deployment/media in new")
	if one != other || one != "begun: swap the routes of ingress … to Deployment in new" {
		t.Errorf("%q and %q", one, other)
	}
	if ended := sortOf("ended: swap the routes of ingress shop/shop to shop/Deployment/web in new"); ended == one {
		t.Errorf("where it ends is no other sort: %q", ended)
	}
}
