package parts

import (
	"context"
	"errors"
	"strconv"

	"cutover.dev/cutover/pkg/inventory"
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

// ErrNothingCounted says that the inventory has no Service whose requests could be counted.
var ErrNothingCounted = errors.New("there is no Service to count requests of")

// Total sums what the controller at url has sent to all Services of the inventory.
func Total(ctx context.Context, url, kind string, inv *inventory.Inventory) (float64, error) {
	total, asked := 0.0, 0
	for _, s := range inv.Services {
		if len(s.Ports) == 0 {
			continue
		}
		c, err := probe.Read(ctx, url, kind, Requests(s))
		if err != nil {
			return 0, err
		}
		total += c.Value
		asked++
	}
	if asked == 0 {
		return 0, ErrNothingCounted
	}
	return total, nil
}
