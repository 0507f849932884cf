// Package ipsec is a real tunnel between the environments of a lab that is up: a strongSwan daemon in the network of each cluster,
// which encrypts in user space, over the link of lab/wan, on which nothing else passes then. It decides neither what goes
// into the tunnel nor what a firewall lets out of it.
package ipsec

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"cutover.dev/cutover/lab/proc"
	"cutover.dev/cutover/lab/ready"
	"cutover.dev/cutover/lab/rig"
	"cutover.dev/cutover/lab/wan"
	"cutover.dev/cutover/lab/world"
)

// device is the tunnel's end in each network, as the daemon makes it.
const device = "ipsec0"

// connection is the name of the only tunnel, in both ends' files.
const connection = "link"

// Ports, over UDP, of the keys and of what is encrypted.
var ports = []int{500, 4500}

// Tunnel is the tunnel for a link: wan.Start begins it, and its Close ends it. Whatever becomes of that program, the daemons are the
// lab's, and end with it.
func Tunnel(w world.World) *wan.Tunnel {
	return &wan.Tunnel{
		Device: device, Ports: ports,
		Start: func(ctx context.Context) error { return start(ctx, w) },
		Stop:  func(ctx context.Context) error { return stop(ctx, w) },
	}
}

func sideOf(w world.World, c world.Cluster) side {
	name := c.Name + "-ipsec"
	s := side{name: name, space: c.Net(), dir: filepath.Join(w.Run, name), dials: c.Name == world.Old.Name}
	for _, other := range world.Clusters() {
		if other.Name == c.Name {
			s.address = wan.Gateway(other)
		} else {
			s.peer = wan.Gateway(other)
		}
	}
	return s
}

// sides are both, who waits first.
func sides(w world.World) []side { return []side{sideOf(w, world.New), sideOf(w, world.Old)} }

func start(ctx context.Context, w world.World) error {
	if err := errors.Join(installed(), stop(ctx, w)); err != nil { // those of a program that was killed
		return err
	}
	secret := make([]byte, 32)
	if _, err := rand.Read(secret); err != nil {
		return fmt.Errorf("make the secret of the tunnel: %w", err)
	}
	for _, s := range sides(w) {
		if err := s.write("0s" + base64.StdEncoding.EncodeToString(secret)); err != nil {
			return fmt.Errorf("set up the tunnel: %w", err)
		}
		if err := rig.Join(ctx, w, s.daemon()); err != nil {
			return err
		}
		if err := s.load(ctx); err != nil {
			return fmt.Errorf("%w; %s", err, proc.Tail(w.Log(s.name)))
		}
	}
	return established(ctx, sides(w))
}

// load tells a daemon that has just begun of the tunnel.
func (s side) load(ctx context.Context) error {
	return ready.Until(ctx, s.name+" takes its configuration", 20*time.Second, func(ctx context.Context) error {
		_, err := s.swanctl(ctx, "--load-all")
		return err
	})
}

// established waits until both ends have keys.
func established(ctx context.Context, all []side) error {
	return ready.Until(ctx, "the tunnel is up", 30*time.Second, func(ctx context.Context) error {
		for _, s := range all {
			if _, err := s.counted(ctx); err != nil {
				return err
			}
		}
		return nil
	})
}

func stop(ctx context.Context, w world.World) error {
	var errs []error
	for _, s := range sides(w) {
		errs = append(errs, rig.Leave(ctx, w, s.name))
	}
	return errors.Join(errs...)
}

// installed says what is missing.
func installed() error {
	return proc.Installed("strongswan", map[string]string{
		charon: "strongswan-charon", "swanctl": "strongswan-swanctl",
		"/usr/lib/ipsec/plugins/libstrongswan-kernel-libipsec.so": "libcharon-extra-plugins",
	})
}
