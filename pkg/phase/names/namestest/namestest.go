// Package namestest is a zone on two real name servers and the hosts of an old environment in it, for the tests of phases that
// deal with DNS. It is for tests only, and plays no cluster.
package namestest

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	networkingv1 "k8s.io/api/networking/v1"

	"cutover.dev/cutover/pkg/inventory"
	"cutover.dev/cutover/pkg/phase"
	"cutover.dev/cutover/pkg/phase/parts"
	"cutover.dev/cutover/pkg/phase/phasetest"
	"cutover.dev/cutover/pkg/plan"
	"cutover.dev/cutover/pkg/zone"
	"cutover.dev/cutover/pkg/zone/rfc2136"
	"cutover.dev/cutover/pkg/zone/zonetest"
)

// Old is a zone as it is before a move: aliases, both families, a wildcard, the apex, and what is no host of old.
const Old zonetest.Records = `web 3600 IN A 203.0.113.10
web 3600 IN AAAA 2001:db8::10
api 30 IN CNAME lb
lb 7200 IN A 203.0.113.10
*.apps 300 IN A 203.0.113.10
svc 600 IN A 203.0.113.10
svc 600 IN HTTPS 1 . alpn=h2 ipv4hint=203.0.113.10
@ 86400 IN A 203.0.113.10
mail 3600 IN A 192.0.2.7
`

// Hosts are the hosts of old in that zone.
var Hosts = []string{"web.shop.test", "api.shop.test", "x.apps.shop.test", "*.apps.shop.test", "shop.test", "svc.shop.test"}

// World is a primary (BIND) and a secondary (Knot) that is told of each change.
type World struct {
	phasetest.World
	Deps               parts.Deps
	Primary, Secondary *zonetest.Server
}

// Start starts both with a zone. The plan moves the hosts from 203.0.113.10 and 2001:db8::10 to 198.51.100.20, with a TTL of
// one minute, and does not say how far clocks may differ.
func Start(t *testing.T, records zonetest.Records, hosts ...string) *World {
	t.Helper()
	return start(t, true, records, hosts...)
}

// StartDeaf is Start with a secondary that hears of no change until the test tells it.
func StartDeaf(t *testing.T, records zonetest.Records, hosts ...string) *World {
	t.Helper()
	return start(t, false, records, hosts...)
}

func start(t *testing.T, told bool, records zonetest.Records, hosts ...string) *World {
	t.Helper()
	port := zonetest.FreePort(t, "127.0.0.1")
	w := &World{Deps: parts.Deps{Plan: &plan.Plan{Metadata: plan.Metadata{Name: "demo"}}, Inventory: &inventory.Inventory{}}}
	var notify []string
	if told {
		notify = []string{fmt.Sprintf("127.0.0.1:%d", port)}
	}
	w.Primary = zonetest.Start(t, zonetest.BIND, records, zonetest.Options{Notify: notify})
	w.Secondary = zonetest.Start(t, zonetest.Knot, "", zonetest.Options{Port: port, Primary: w.Primary.Addr})
	for giveUp := time.Now().Add(20 * time.Second); len(w.Secondary.Lookup(zonetest.Zone, "SOA")) == 0; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(giveUp) { // the first transfer
			t.Fatal("the secondary never gets the zone")
		}
	}
	spec := &w.Deps.Plan.Spec
	spec.DNS.TTL = plan.Duration(time.Minute)
	spec.Entry.Old.Addresses, spec.Entry.New.Addresses = []string{"203.0.113.10", "2001:db8::10"}, []string{"198.51.100.20"}
	w.Deps.Inventory.Ingresses = []inventory.Ingress{{Object: Ingress(hosts...)}}
	w.Deps.Zones = []*zone.Zone{{Name: zonetest.Zone, Editor: w.Editor(w.Primary.Secret), Servers: zonetest.Servers(w.Primary, w.Secondary)}}
	first := w.Primary.Serial(zonetest.Zone)
	w.World = phasetest.World{
		Writes: func() int { return int(w.Primary.Serial(zonetest.Zone) - first) },
		State:  func() any { return w.Primary.Content() },
		Turn:   func() { time.Sleep(20 * time.Millisecond) }, Slow: true,
	}
	return w
}

// Editor changes the zone with a key of that secret.
func (w *World) Editor(secret string) zone.Editor {
	return rfc2136.New(zonetest.Zone, w.Primary.Addr, zonetest.Key, zonetest.Algorithm, secret)
}

// Ingress has a route for each host.
func Ingress(hosts ...string) (ing networkingv1.Ingress) {
	prefix := networkingv1.PathTypePrefix
	for _, host := range hosts {
		ing.Spec.Rules = append(ing.Spec.Rules, networkingv1.IngressRule{Host: host, IngressRuleValue: networkingv1.IngressRuleValue{
			HTTP: &networkingv1.HTTPIngressRuleValue{Paths: []networkingv1.HTTPIngressPath{{
				Path: "/", PathType: &prefix, Backend: networkingv1.IngressBackend{Service: &networkingv1.IngressServiceBackend{Name: "web"}},
			}}},
		}})
	}
	return ing
}

// Ungated is a phase without the gate that asks the clusters, which nobody plays here.
func Ungated(p phase.Phase) phase.Phase {
	steps := p.Steps
	p.Steps = func(ctx context.Context, past phase.Past) ([]phase.Group, error) {
		groups, err := steps(ctx, past)
		for i := range groups {
			groups[i].Before = slices.DeleteFunc(groups[i].Before, func(s phase.Step) bool { return s.ID == "prove:external-dns" })
		}
		return groups, err
	}
	return p
}
