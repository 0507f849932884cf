package rig

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"golang.org/x/sync/errgroup"

	"cutover.dev/cutover/lab/cache"
	"cutover.dev/cutover/lab/cluster"
	"cutover.dev/cutover/lab/entry"
	"cutover.dev/cutover/lab/mongo"
	"cutover.dev/cutover/lab/netns"
	"cutover.dev/cutover/lab/pki"
	"cutover.dev/cutover/lab/population"
	"cutover.dev/cutover/lab/progress"
	"cutover.dev/cutover/lab/state"
	"cutover.dev/cutover/lab/world"
)

// ErrUnhealthy says that a lab is up but not as it should be.
var ErrUnhealthy = errors.New("a lab is up but something in it is off: take it down first")

// Up takes the lab up. A healthy one that is up already is left as it is; the remains of one
// whose up was killed are cleared away first. After an error the daemons that run are left for
// inspection; Down removes them.
func Up(ctx context.Context, w world.World, report *progress.Progress) error {
	if err := Possible(); err != nil {
		return err
	}
	source, err := world.Source()
	if err != nil {
		return err
	}
	release, err := lock(w)
	if err != nil {
		return err
	}
	defer release()
	found, _, err := find(ctx, w)
	if err != nil {
		return err
	}
	switch found {
	case running:
		return stillGood(ctx, w, report)
	case wreck:
		report.Note("an earlier lab was not taken down; doing that first")
		if err := down(ctx, w, report); err != nil {
			return err
		}
	}
	stock, err := cache.Ensure(ctx, w, source, report)
	if err != nil {
		return err
	}
	return build(ctx, w, stock, filepath.Join(filepath.Dir(source), "docs", "rbac"), report)
}

// build starts everything on a machine where nothing of a lab is. rights is the folder of docs/rbac.
func build(ctx context.Context, w world.World, stock *cache.Cache, rights string, report *progress.Progress) error {
	report.Expect(1 + 2*cluster.Steps + entry.OldSteps + entry.NewSteps + population.Steps + mongo.Steps)
	file, err := state.Create(statePath(w))
	if err != nil {
		return err
	}
	if err := cluster.PrepareMounts(w, file); err != nil {
		return err
	}
	if err := netns.Up(ctx); err != nil {
		return err
	}
	authority, err := pki.NewAuthority("cutover lab")
	if err != nil {
		return err
	}
	if err := authority.Write(filepath.Dir(w.CA())); err != nil {
		return err
	}
	report.Done("networks are up")
	group, inner := errgroup.WithContext(ctx)
	group.Go(func() error { return mongo.Start(inner, mongo.Deps{World: w, State: file, Report: report}) })
	for _, c := range world.Clusters() {
		group.Go(func() error {
			it := cluster.New(c, cluster.Deps{World: w, State: file, Report: report, Authority: authority, Images: stock.Images, Rights: rights})
			return populate(inner, it)
		})
	}
	if err := group.Wait(); err != nil {
		return fmt.Errorf("take the lab up: %w", err)
	}
	return file.Finish()
}

// populate starts one cluster with its ingress controllers, and in old what is to be moved.
func populate(ctx context.Context, c *cluster.Cluster) error {
	if err := c.Start(ctx); err != nil {
		return err
	}
	if c.Name == world.New.Name {
		return entry.StartNew(ctx, c)
	}
	group, inner := errgroup.WithContext(ctx)
	group.Go(func() error { return entry.StartOld(inner, c) })
	group.Go(func() error { return population.Settle(inner, c) })
	if err := group.Wait(); err != nil {
		return err
	}
	return population.Answer(ctx, c)
}

func stillGood(ctx context.Context, w world.World, report *progress.Progress) error {
	for _, r := range Status(ctx, w) {
		if r.Err != nil {
			return fmt.Errorf("%w: %s: %w", ErrUnhealthy, r.Name, r.Err)
		}
	}
	report.Note("the lab is up and healthy already")
	return nil
}
