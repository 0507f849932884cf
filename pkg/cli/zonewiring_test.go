package cli

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"cutover.dev/cutover/pkg/plan"
)

// The plan is judged before there is an editor, by what each editor says of itself.
func TestAPlanAsksForAllowRaceWhereTheEditorCannotCompare(t *testing.T) {
	full, err := os.ReadFile("../plan/testdata/good/full.yaml")
	if err != nil {
		t.Fatal(err)
	}
	before, rest, _ := strings.Cut(string(full), "    zones:\n")
	_, after, _ := strings.Cut(rest, "  mongodb:\n")
	seen := map[bool]int{}
	for _, backend := range ways {
		decode := func(allow bool) (*plan.Plan, error) {
			zones := fmt.Sprintf("    zones: [{name: example.com, servers: [\"192.0.2.53:53\"], allowRace: %v, %s}]\n", allow, backend)
			return plan.Decode("plan", []byte(before+zones+"  mongodb:\n"+after))
		}
		p, without := decode(false)
		if q, with := decode(true); without != nil && with != nil {
			t.Errorf("%s: neither with allowRace nor without: %v, %v", backend, with, without)
			continue
		} else if without != nil {
			p = q
		}
		zones := zonesOf(p, func(string) string { return "" }, nil)
		a := zones[0].Editor.Abilities()
		if a.CompareAndSwap != (without == nil) || zones[0].AllowRace == a.CompareAndSwap {
			t.Errorf("%s: the editor compares: %v, the plan without allowRace: %v", backend, a.CompareAndSwap, without)
		}
		if least := a.MinTTL; least > 60 {
			t.Errorf("%s: takes %ds at least, and a plan may say 60", backend, least)
		}
		seen[a.CompareAndSwap]++
	}
	if seen[true] < 3 || seen[false] < 2 {
		t.Errorf("editors that compare, and not: %v", seen)
	}
}

// ways is one zone by each editor.
var ways = []string{
	`rfc2136: {server: "192.0.2.53:53", key: k, algorithm: hmac-sha256}`, "route53: {}", "cloudflare: {}", `webhook: {url: "http://127.0.0.1:8888"}`, "manual: {}",
}
