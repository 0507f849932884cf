// Package netns makes and removes the lab's networks: network namespaces on one bridge,
// the addresses of package world, and one link with a few routes into the machine's own
// network. It changes nothing else in the machine's own network.
package netns

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"cutover.dev/cutover/lab/world"
)

// Up makes the networks. It refuses when this machine already uses one of their addresses.
func Up(ctx context.Context) error {
	if err := free(ctx); err != nil {
		return err
	}
	for _, b := range batches() {
		if err := b.run(ctx); err != nil {
			return err
		}
	}
	for _, c := range world.Clusters() {
		forward := world.Command(ctx, c.Net(), "sh", "-c", "echo 1 >/proc/sys/net/ipv4/ip_forward")
		if out, err := forward.CombinedOutput(); err != nil {
			return fmt.Errorf("let %s forward packets: %w: %s", c.Net(), err, bytes.TrimSpace(out))
		}
	}
	return nil
}

// free says whether the lab's addresses are nobody's yet.
func free(ctx context.Context) error {
	out, err := exec.CommandContext(ctx, "ip", "-o", "address", "show", "to", world.Network).Output()
	if err != nil {
		return fmt.Errorf("look for the lab's network %s: %w", world.Network, err)
	}
	if taken := strings.TrimSpace(string(out)); taken != "" {
		return fmt.Errorf("this machine already has an address in %s, which the lab needs: %s", world.Network, taken)
	}
	return nil
}

// batch is a list of ip commands for one network namespace; "" is the machine's own.
type batch struct {
	net   string
	lines []string
}

func (b *batch) add(format string, args ...any) {
	b.lines = append(b.lines, fmt.Sprintf(format, args...))
}

func (b *batch) run(ctx context.Context) error {
	args := []string{"-batch", "-"}
	if b.net != "" {
		args = append([]string{"-n", b.net}, args...)
	}
	cmd := exec.CommandContext(ctx, "ip", args...)
	cmd.Stdin = strings.NewReader(strings.Join(b.lines, "\n") + "\n")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("set up network %q: %w: %s", b.net, err, bytes.TrimSpace(out))
	}
	return nil
}

// batches is everything that has to be done, in order.
func batches() []batch {
	root, wan := batch{}, batch{net: world.NetWAN}
	root.add("netns add %s", world.NetWAN)
	wan.add("link set lo up")
	wan.add("link add br0 type bridge")
	wan.add("link set br0 up")
	join := func(net string, addresses ...string) batch {
		b := bare(&root, &wan, net, addresses...)
		routes(&b)
		return b
	}
	inside := []batch{join(world.NetClient, world.ClientAddress+"/24"), runner(bare(&root, &wan, world.NetRunner, world.RunnerAddress+"/32"))}
	for _, c := range world.Clusters() {
		addresses := []string{c.Node + "/24", c.Entry + "/32", c.Inner + "/32"}
		for _, address := range c.Mongods {
			addresses = append(addresses, address+"/32")
		}
		b := join(c.Net(), addresses...)
		// Kubelet and the API server take their address from the interface of the default route.
		b.add("route add default via %s", world.RootAddress)
		inside = append(inside, b)
	}
	root.add("link add %s type veth peer name p-root netns %s", world.RootLink, world.NetWAN)
	wan.add("link set p-root master br0 up")
	last := batch{}
	last.add("address add %s/24 dev %s", world.RootAddress, world.RootLink)
	last.add("link set %s up", world.RootLink)
	routes(&last)
	return append(append([]batch{root, wan}, inside...), last)
}

// bare is one more network on the bridge, with these addresses and no routes: what is inside it. What is to be done outside
// is added to root and wan.
func bare(root, wan *batch, net string, addresses ...string) batch {
	port := world.Port(net)
	root.add("netns add %s", net)
	root.add("link add eth0 netns %s type veth peer name %s netns %s", net, port, world.NetWAN)
	wan.add("link set %s master br0 up", port)
	b := batch{net: net}
	b.add("link set lo up")
	for _, address := range addresses {
		b.add("address add %s dev eth0", address)
	}
	b.add("link set eth0 up")
	return b
}

// Add makes a network beside those that Up made; Down removes it with them.
func Add(ctx context.Context, net string, addresses ...string) error {
	root, wan := batch{}, batch{net: world.NetWAN}
	inside := bare(&root, &wan, net, addresses...)
	routes(&inside) // pods that ask are answered
	for _, b := range []batch{root, wan, inside} {
		if err := b.run(ctx); err != nil {
			return err
		}
	}
	return nil
}

// runner is a hosted runner: of all the lab it has a way to the nodes, where the API servers are.
func runner(b batch) batch {
	for _, c := range world.Clusters() {
		b.add("route add %s/32 dev eth0", c.Node)
	}
	return b
}

// routes adds the ways to the pods and Services of the clusters; a cluster's own network
// needs none to itself.
func routes(b *batch) {
	for _, c := range world.Clusters() {
		if b.net != c.Net() {
			b.add("route add 10.%d.0.0/16 via %s", c.Block, c.Node)
		}
	}
}

// Down removes what Up made, all that is there of it. It is fine when nothing is.
func Down(ctx context.Context) error {
	var errs []error
	if _, err := os.Stat(filepath.Join("/sys/class/net", world.RootLink)); err == nil {
		errs = append(errs, ip(ctx, "link", "delete", world.RootLink))
	}
	for _, name := range Names() {
		errs = append(errs, ip(ctx, "netns", "delete", name))
	}
	return errors.Join(errs...)
}

// Names are the network namespaces of the lab that exist, wherever they come from.
func Names() []string {
	files, _ := filepath.Glob(world.NetFile(world.NetPrefix + "*"))
	names := make([]string, 0, len(files))
	for _, file := range files {
		names = append(names, filepath.Base(file))
	}
	return names
}

// Tidy removes /run/netns itself, which ip leaves behind as a mount, when nothing is in it.
func Tidy(ctx context.Context) error {
	dir := filepath.Dir(world.NetFile("x"))
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil || len(entries) > 0 {
		return err
	}
	// Not a mount is fine: then removing the folder is all there is to do.
	_ = exec.CommandContext(ctx, "umount", dir).Run()
	if err := os.Remove(dir); err != nil {
		return fmt.Errorf("remove the empty %s: %w", dir, err)
	}
	return nil
}

func ip(ctx context.Context, args ...string) error {
	if out, err := exec.CommandContext(ctx, "ip", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("ip %s: %w: %s", strings.Join(args, " "), err, bytes.TrimSpace(out))
	}
	return nil
}
