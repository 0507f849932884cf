// Package cache fetches and builds everything heavy that the lab runs, once, and keeps it in
// folders named by version: Debian packages, Kubernetes and etcd as one binary, Contour,
// metrics-server, Traefik, Envoy and the images. It starts nothing of the lab.
package cache

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"cutover.dev/cutover/lab/progress"
	"cutover.dev/cutover/lab/world"
)

// Cache is what Ensure has made sure of.
type Cache struct {
	world  world.World
	source string // folder of the lab's Go module
	report *progress.Progress
	// Images are the archives to import into both clusters.
	Images []Image
}

// artifact is one thing that takes long and never changes: a folder below the cache.
type artifact struct {
	// folder is its name in the cache and holds the version.
	folder string
	// what tells people what they wait for, minutes how long on two cores; 0: some seconds.
	what    string
	minutes int
	build   func(ctx context.Context, c *Cache, into string) error
	// programs to link into the bin folder: name there, file in the artifact's folder.
	programs map[string]string
}

// Ensure makes everything that is missing and links the programs into the bin folder.
func Ensure(ctx context.Context, w world.World, source string, report *progress.Progress) (*Cache, error) {
	c := &Cache{world: w, source: source, report: report}
	list, err := artifacts(source)
	if err != nil {
		return nil, err
	}
	report.Expect(2)
	if err := packages(ctx, report, missingPackages(ctx)); err != nil {
		return nil, err
	}
	if err := c.all(ctx, list); err != nil {
		return nil, err
	}
	report.Done("programs are in %s", w.Cache)
	report.Note("images: building the programs of this repository, some seconds, and minutes the first time")
	if err := c.images(ctx); err != nil {
		return nil, err
	}
	report.Done("images are built")
	return c, nil
}

// Folder is the place of an artifact's files.
func (c *Cache) Folder(name string) string { return filepath.Join(c.world.Cache, name) }

// all makes what is missing of a list, and says first what that is: it can be a wait of a quarter of an hour.
func (c *Cache) all(ctx context.Context, list []artifact) error {
	missing, minutes := 0, 0
	for _, a := range list {
		if _, err := os.Stat(c.Folder(a.folder)); err != nil {
			missing, minutes = missing+1, minutes+a.minutes
		}
	}
	c.report.Expect(missing)
	if minutes > 0 {
		c.report.Note("%d things are made once and kept in %s: about %d minutes of two cores", missing, c.world.Cache, minutes)
	}
	for _, a := range list {
		if err := c.ensure(ctx, a); err != nil {
			return err
		}
	}
	return nil
}

func (c *Cache) ensure(ctx context.Context, a artifact) error {
	folder := c.Folder(a.folder)
	_, err := os.Stat(folder)
	if errors.Is(err, fs.ErrNotExist) {
		err = c.make(ctx, a, folder)
	}
	if err != nil {
		return fmt.Errorf("get %s: %w", a.folder, err)
	}
	for name, file := range a.programs {
		if err := link(filepath.Join(folder, file), c.world.Tool(name)); err != nil {
			return err
		}
	}
	return nil
}

// make builds beside the final place and renames, so that half an artifact is never used.
func (c *Cache) make(ctx context.Context, a artifact, folder string) error {
	c.report.Note("%s: %s, %s", a.folder, a.what, a.takes())
	defer c.still(a)()
	next := folder + ".next"
	if err := os.RemoveAll(next); err != nil {
		return err
	}
	if err := os.MkdirAll(next, 0o755); err != nil {
		return err
	}
	if err := a.build(ctx, c, next); err != nil {
		return err
	}
	if err := os.Rename(next, folder); err != nil {
		return err
	}
	c.report.Done("%s is ready", a.folder)
	return nil
}

func (a artifact) takes() string {
	if a.minutes == 0 {
		return "some seconds"
	}
	return fmt.Sprintf("about %d min of two cores", a.minutes)
}

// still says every minute that a build goes on, until end is called.
func (c *Cache) still(a artifact) (end func()) {
	tick, ended := time.NewTicker(time.Minute), make(chan struct{})
	go func() {
		for {
			select {
			case <-tick.C:
				c.report.Note("%s: still %s", a.folder, a.what)
			case <-ended:
				tick.Stop()
				return
			}
		}
	}()
	return func() { close(ended) }
}

// link points a name in the bin folder at a program, also when it pointed elsewhere before.
func link(target, name string) error {
	if now, err := os.Readlink(name); err == nil && now == target {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return fmt.Errorf("link %s: %w", name, err)
	}
	next := name + ".next"
	if err := os.Remove(next); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("link %s: %w", name, err)
	}
	if err := os.Symlink(target, next); err != nil {
		return fmt.Errorf("link %s: %w", name, err)
	}
	if err := os.Rename(next, name); err != nil {
		return fmt.Errorf("link %s: %w", name, err)
	}
	return nil
}
