// Package mongo starts the lab's mongods and says how they are: three in old, which are the replica set, and three in new,
// which wait for somebody to take them into it. It never moves the set: that is the tool's.
package mongo

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"cutover.dev/cutover/lab/proc"
	"cutover.dev/cutover/lab/progress"
	"cutover.dev/cutover/lab/ready"
	"cutover.dev/cutover/lab/state"
	"cutover.dev/cutover/lab/world"
)

// Member is one mongod.
type Member struct {
	Name    string // among the lab's daemons
	Cluster world.Cluster
	Address string
}

// Members are the mongods of some clusters, in order.
func Members(clusters ...world.Cluster) []Member {
	var all []Member
	for _, c := range clusters {
		for i, address := range c.Mongods {
			all = append(all, Member{c.MongodName(i), c, address})
		}
	}
	return all
}

// Host is the member's name in the set's configuration.
func (m Member) Host() string {
	return net.JoinHostPort(m.Address, strconv.Itoa(world.MongodPort))
}

func folder(w world.World) string { return filepath.Join(w.Run, "mongo") }

// KeyFile is what the members know each other by.
func KeyFile(w world.World) string { return filepath.Join(folder(w), "key") }

// Data is the folder of a member's files.
func (m Member) Data(w world.World) string { return filepath.Join(folder(w), m.Name) }

// Daemon is how a member is started, and started again with the files that it had. A test may let it have another set
// name or key file; in the lab they are world.ReplicaSet and KeyFile.
func (m Member) Daemon(w world.World, set, keyFile string) proc.Daemon {
	return proc.Daemon{
		Name: m.Name, Net: m.Cluster.Net(),
		Argv: []string{
			w.Tool("mongod"), "--replSet", set, "--keyFile", keyFile, "--bind_ip", m.Address, "--port", strconv.Itoa(world.MongodPort),
			"--dbpath", m.Data(w), "--wiredTigerCacheSizeGB", "0.25", "--oplogSize", "256",
			"--nounixsocket", // its place is the same for all with one port
			// What it does while it has nothing to do.
			"--setParameter", "diagnosticDataCollectionEnabled=false", "--setParameter", "ttlMonitorEnabled=false",
		},
	}
}

// Deps is what the members are started with.
type Deps struct {
	World  world.World
	State  *state.File
	Report *progress.Progress
}

// Steps is how many steps Start reports.
const Steps = 2

// Start starts all mongods, makes a set of old's and its users, and waits until it is whole.
func Start(ctx context.Context, d Deps) error {
	if err := os.MkdirAll(folder(d.World), 0o700); err != nil {
		return fmt.Errorf("start the mongods: %w", err)
	}
	if err := writeKey(KeyFile(d.World)); err != nil {
		return err
	}
	all := Members(world.Clusters()...)
	for _, m := range all {
		if err := os.MkdirAll(m.Data(d.World), 0o700); err != nil {
			return fmt.Errorf("start the mongods: %w", err)
		}
		if err := proc.Start(ctx, d.World, d.State, m.Daemon(d.World, world.ReplicaSet, KeyFile(d.World))); err != nil {
			return err
		}
	}
	for _, m := range all {
		if err := d.until(ctx, m, m.Host()+" answers", func(ctx context.Context) error { return Answers(ctx, m) }); err != nil {
			return err
		}
	}
	d.Report.Done("mongods answer")
	if err := d.makeSet(ctx, Members(world.Old)); err != nil {
		return fmt.Errorf("make the replica set %s: %w", world.ReplicaSet, err)
	}
	d.Report.Done("old: the replica set %s is whole", world.ReplicaSet)
	return nil
}

// until waits for something that a member makes true, and stops waiting when that member has ended.
func (d Deps) until(ctx context.Context, m Member, what string, look func(context.Context) error) error {
	return ready.Until(ctx, what, time.Minute, func(ctx context.Context) error {
		err := look(ctx)
		if err == nil {
			return nil
		}
		if dead := proc.Ended(d.World, d.State, m.Name); dead != nil {
			return ready.Fatal(dead)
		}
		return err
	})
}

// writeKey writes a new key. Members refuse one that others may read.
func writeKey(file string) error {
	secret := make([]byte, 48)
	if _, err := rand.Read(secret); err != nil {
		return fmt.Errorf("make the members' key: %w", err)
	}
	if err := os.WriteFile(file, []byte(base64.StdEncoding.EncodeToString(secret)), 0o600); err != nil {
		return fmt.Errorf("write the members' key: %w", err)
	}
	return nil
}
