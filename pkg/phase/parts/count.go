package parts

import (
	"context"
	"errors"
	"strconv"

	"cutover.dev/cutover/pkg/ingress"
	"cutover.dev/cutover/pkg/inventory"
	"cutover.dev/cutover/pkg/phase"
	"cutover.dev/cutover/pkg/probe"
)

// Requests is how a controller may call one Service of the inventory: ports by name and by number.
func Requests(s inventory.Service) probe.Requests {
	r := probe.Requests{Namespace: s.Name.Namespace, Service: s.Name.Name}
	for _, p := range s.Ports {
		if p.Name != "" {
			r.Ports = append(r.Ports, p.Name)
		}
		r.Ports = append(r.Ports, strconv.Itoa(int(p.Number)))
	}
	return r
}

// TailRequests is how a controller may call the Service that leads late clients of a namespace of old on to new.
func TailRequests(ns string) probe.Requests {
	return probe.Requests{Namespace: ns, Service: ingress.TailService, Ports: []string{"http", "80"}}
}

// ErrNothingCounted says that the inventory has no Service whose requests could be counted.
var ErrNothingCounted = errors.New("there is no Service to count requests of")

// Total sums what the controller of old at url has sent to some Services. It asks once, however many they are.
func (d Deps) Total(ctx context.Context, url, kind string, services []probe.Requests) (float64, error) {
	if len(services) == 0 {
		return 0, ErrNothingCounted
	}
	counts, err := probe.ReadAll(ctx, probe.Counters{URL: url, Kind: kind, Dial: d.Reach.From(phase.Old).DialContext}, services)
	total := 0.0
	for _, c := range counts {
		total += c.Value
	}
	return total, err
}

// AllRequests is Requests of every Service of the inventory that has a port.
func AllRequests(inv *inventory.Inventory) []probe.Requests {
	var all []probe.Requests
	for _, s := range inv.Services {
		if len(s.Ports) > 0 {
			all = append(all, Requests(s))
		}
	}
	return all
}
