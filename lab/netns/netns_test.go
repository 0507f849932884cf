package netns

import (
	"slices"
	"strings"
	"testing"

	"cutover.dev/cutover/lab/world"
)

func lines(net string) []string {
	var all []string
	for _, b := range batches() {
		if b.net == net {
			all = append(all, b.lines...)
		}
	}
	return all
}

func TestEachNodeHasItsOwnAddressFirst(t *testing.T) {
	for _, c := range world.Clusters() {
		var got []string
		for _, line := range lines(c.Net()) {
			if address, ok := strings.CutPrefix(line, "address add "); ok {
				got = append(got, strings.TrimSuffix(address, " dev eth0"))
			}
		}
		// The first one of the network is the source of everything that the node sends.
		want := []string{c.Node + "/24", c.Entry + "/32", c.Inner + "/32"}
		for _, address := range c.Mongods {
			want = append(want, address+"/32")
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", c.Name, got, want)
		}
	}
}

func TestEverybodyKnowsTheWayToTheOtherClustersPods(t *testing.T) {
	for _, net := range []string{"", world.NetClient, world.Old.Net(), world.New.Net()} {
		all := lines(net)
		for _, c := range world.Clusters() {
			way := "route add 10." + map[string]string{"old": "61", "new": "62"}[c.Name] + ".0.0/16 via " + c.Node
			if got, want := slices.Contains(all, way), net != c.Net(); got != want {
				t.Errorf("%q has %q: %v, want %v", net, way, got, want)
			}
		}
	}
}

func TestTheMachinesOwnNetworkGetsOneLinkOnly(t *testing.T) {
	for _, line := range lines("") {
		if strings.HasPrefix(line, "link add") && !strings.Contains(line, " netns cutlab-") {
			t.Errorf("%q stays in the machine's own network", line)
		}
		if len(world.RootLink) > 15 {
			t.Errorf("%s is too long for the kernel", world.RootLink)
		}
	}
}
