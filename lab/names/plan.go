package names

import (
	"fmt"
	"strings"

	"cutover.dev/cutover/lab/world"
)

// Plan is what the demo's plan has instead where its names move: pairs of text, each there once. The resolver that stretches
// is not among those of the plan: after a way back it would be taken for one with a zone of its own.
func Plan() []string {
	var zones strings.Builder
	for _, z := range Zones() {
		fmt.Fprintf(&zones, "      - {name: %s, servers: [%q, %q], rfc2136: {server: %q, key: %s, algorithm: %s}}\n",
			z.Name, Primary.At(), Secondary.At(), Primary.At(), Key, Algorithm)
	}
	const entry = "    new: {addresses: [172.30.0.31], ingressClass: main}\n"
	return []string{
		"  dns: {none: \"the lab moves its clients itself: its names are in no zone\"}\n",
		fmt.Sprintf("  dns:\n    ttl: 2s\n    margin: 1s\n    resolvers: [%q]\n    zones:\n%s", Honouring.At(), &zones),
		entry, entry + fmt.Sprintf("    oldMetrics: {port: %d, kind: envoy}\n", world.CountersPort),
		"routes: 20s}", "routes: 20s, zones: 30s}",
	}
}
