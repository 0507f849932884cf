package netns

import (
	"strings"
	"testing"

	"cutover.dev/cutover/lab/world"
)

func TestACutDropsBothWaysAndBothEndsOfConnections(t *testing.T) {
	rules := cutRules(world.Old.Net(), world.New.Net(), 27017)
	for _, want := range []string{
		`iifname "p-old" oifname "p-new" tcp sport 27017 drop`, `iifname "p-old" oifname "p-new" tcp dport 27017 drop`,
		`iifname "p-new" oifname "p-old" tcp sport 27017 drop`, `iifname "p-new" oifname "p-old" tcp dport 27017 drop`,
	} {
		if !strings.Contains(rules, want) {
			t.Errorf("%q is missing in\n%s", want, rules)
		}
	}
	if strings.Count(rules, "drop") != 4 || !strings.Contains(rules, "policy accept") {
		t.Errorf("more is dropped than that:\n%s", rules)
	}
}
