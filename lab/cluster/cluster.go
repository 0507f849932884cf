// Package cluster starts one Kubernetes cluster of the lab with a single node: etcd, the
// control plane, containerd, kubelet, kube-proxy and metrics-server, all as processes in the
// network namespace and the mount namespace of that cluster. It knows nothing of the other
// cluster and nothing of ingress.
package cluster

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"cutover.dev/cutover/lab/cache"
	"cutover.dev/cutover/lab/objects"
	"cutover.dev/cutover/lab/pki"
	"cutover.dev/cutover/lab/proc"
	"cutover.dev/cutover/lab/progress"
	"cutover.dev/cutover/lab/ready"
	"cutover.dev/cutover/lab/state"
	"cutover.dev/cutover/lab/world"
)

// Deps is what a cluster is made from.
type Deps struct {
	World     world.World
	State     *state.File
	Report    *progress.Progress
	Authority *pki.Authority
	Images    []cache.Image
	Rights    string // folder of docs/rbac: what the tool may do
}

// Cluster is one cluster that is being started, or is up.
type Cluster struct {
	world.Cluster
	Deps
	// Client is the administrator; set once the API server answers.
	Client *objects.Client
	dir    string
}

// New describes a cluster; nothing is started yet.
func New(c world.Cluster, d Deps) *Cluster {
	return &Cluster{Cluster: c, Deps: d, dir: d.World.Folder(c)}
}

// Steps is how many steps Start reports.
const Steps = 6

// Start brings the cluster up to a node that runs pods and Services that answer.
func (c *Cluster) Start(ctx context.Context) error {
	if err := c.prepare(ctx); err != nil {
		return fmt.Errorf("prepare cluster %s: %w", c.Name, err)
	}
	group, ctx := errgroup.WithContext(ctx)
	containers := make(chan struct{})
	group.Go(func() error {
		if err := c.startContainerd(ctx); err != nil {
			return err
		}
		close(containers)
		return c.importImages(ctx)
	})
	group.Go(func() error {
		if err := c.startControlPlane(ctx); err != nil {
			return err
		}
		select {
		case <-containers:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		return c.startNode(ctx)
	})
	if err := group.Wait(); err != nil {
		return fmt.Errorf("start cluster %s: %w", c.Name, err)
	}
	return nil
}

// prepare makes folders, the mount namespace, keys, tokens and configuration files.
func (c *Cluster) prepare(ctx context.Context) error {
	for _, folder := range []string{"etcd", "cni", "ctr", "state", "kubelet", "certs", "pods"} {
		if err := os.MkdirAll(filepath.Join(c.dir, folder), 0o755); err != nil {
			return err
		}
	}
	if err := c.mount(ctx); err != nil {
		return err
	}
	if err := c.writeKeys(); err != nil {
		return err
	}
	if err := c.writeIdentities(); err != nil {
		return err
	}
	return c.writeConfigs()
}

// Daemon starts a program of this cluster in its namespaces.
func (c *Cluster) Daemon(ctx context.Context, name, program string, args ...string) error {
	return proc.Start(ctx, c.World, c.State, proc.Daemon{
		Name: c.Name + "-" + name, Net: c.Net(), MountFile: c.World.MountFile(c.Cluster),
		Argv: append([]string{program}, args...),
	})
}

// Until waits for something that a daemon of this cluster makes true, and stops waiting when
// that daemon has ended.
func (c *Cluster) Until(ctx context.Context, daemon, what string, limit time.Duration, look func(context.Context) error) error {
	return ready.Until(ctx, c.Name+": "+what, limit, func(ctx context.Context) error {
		err := look(ctx)
		if err == nil {
			return nil
		}
		if dead := proc.Ended(c.World, c.State, c.Name+"-"+daemon); dead != nil {
			return ready.Fatal(dead)
		}
		return err
	})
}

// Path is a file in the folder of this cluster.
func (c *Cluster) Path(parts ...string) string {
	return filepath.Join(append([]string{c.dir}, parts...)...)
}
