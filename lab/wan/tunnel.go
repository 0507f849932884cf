package wan

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"cutover.dev/cutover/lab/world"
)

// Tunnel carries over a link what the clusters send each other, from one gateway to the other.
type Tunnel struct {
	Device      string // its end in the network of each cluster
	Ports       []int  // UDP, from one gateway to the other
	Start, Stop func(context.Context) error
}

// Gateway is the address of a cluster's gateway on the link. It is there only with a tunnel.
func Gateway(c world.Cluster) string {
	if c.Name == world.Old.Name {
		return "192.0.2.1"
	}
	return "192.0.2.2"
}

// roomy is large enough for packets of the tunnel's device with all that the tunnel puts around them.
const roomy = 1500

// begin makes the way between the gateways and starts the tunnel.
func (t *Tunnel) begin(ctx context.Context) error {
	for _, c := range world.Clusters() {
		lines := []string{
			fmt.Sprintf("link set %s mtu %d up", device, roomy),
			fmt.Sprintf("address add %s/30 dev %s", Gateway(c), device),
		}
		if err := batch(ctx, c.Net(), lines); err != nil {
			return err
		}
	}
	return t.Start(ctx)
}

// dead are ways to nowhere, behind those into the tunnel. The tunnel's device goes with its program, and then nothing may go by the
// bridge instead.
func dead(c world.Cluster) (lines []string) {
	for _, to := range across(c) {
		lines = append(lines, fmt.Sprintf("route replace blackhole %s metric 100", to))
	}
	return lines
}

// end stops the tunnel and takes the ways to nowhere away, where they are.
func (t *Tunnel) end(ctx context.Context) error {
	errs := []error{t.Stop(context.WithoutCancel(ctx))}
	for _, c := range world.Clusters() {
		lines := dead(c) // deleting what is not there is an error
		for _, line := range dead(c) {
			lines = append(lines, strings.Replace(line, "replace", "delete", 1))
		}
		errs = append(errs, batch(ctx, c.Net(), lines))
	}
	return errors.Join(errs...)
}

// gates let on the link itself only the other gateway in.
func (t *Tunnel) gates(c world.Cluster) string {
	ports := make([]string, len(t.Ports))
	for i, p := range t.Ports {
		ports[i] = fmt.Sprint(p)
	}
	return fmt.Sprintf("\t\tiifname %q ip saddr %s ip daddr %s udp dport { %s } accept\n\t\tiifname %q drop\n",
		device, Gateway(other(c)), Gateway(c), strings.Join(ports, ", "), device)
}
