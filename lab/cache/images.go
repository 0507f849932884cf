package cache

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"cutover.dev/cutover/lab/image"
)

// Image is an archive that containerd can import.
type Image struct{ Name, Archive string }

// Names of the images.
const (
	PauseImage   = "lab.test/lab/pause:1"
	AppImage     = "lab.test/lab/app:1"
	TraefikImage = "lab.test/lab/traefik:" + Traefik
	CutoverImage = "lab.test/lab/cutover:dev"
)

// own are the images of programs in this repository; they are built every time, which is
// quick when nothing has changed.
func (c *Cache) own() []struct{ image, module, pkg, path string } {
	return []struct{ image, module, pkg, path string }{
		{PauseImage, c.source, "./pause", "/pause"},
		{AppImage, c.source, "./app", "/app"},
		{CutoverImage, filepath.Dir(c.source), "./cmd/cutover", "/usr/local/bin/cutover"},
	}
}

func (c *Cache) images(ctx context.Context) error {
	// The clusters' name server is a process of the node, not a pod.
	if err := goBuildHost(ctx, c.source, c.world.Tool("nameserver"), "./nameserver"); err != nil {
		return fmt.Errorf("build the name server: %w", err)
	}
	for _, o := range c.own() {
		program := filepath.Join(c.world.Cache, "build", filepath.Base(o.path))
		if err := goBuild(ctx, o.module, program, "-s -w", o.pkg); err != nil {
			return fmt.Errorf("build the program of %s: %w", o.image, err)
		}
		sum, err := hashOf(program)
		if err != nil {
			return fmt.Errorf("build %s: %w", o.image, err)
		}
		spec := image.Spec{Name: o.image, Program: program, Path: o.path}
		if err := c.archive(spec, filepath.Base(o.path)+"-"+sum); err != nil {
			return err
		}
		if err := c.prune(filepath.Base(o.path)); err != nil {
			return err
		}
	}
	spec := image.Spec{Name: TraefikImage, Program: c.world.Tool("traefik"), Path: "/traefik"}
	return c.archive(spec, "traefik-"+Traefik)
}

// archive writes an image unless it is there; its file name stands for its content.
func (c *Cache) archive(spec image.Spec, name string) error {
	file := filepath.Join(c.world.Cache, "images", name+".tar")
	c.Images = append(c.Images, Image{Name: spec.Name, Archive: file})
	_, err := os.Stat(file)
	if errors.Is(err, fs.ErrNotExist) {
		return image.Write(file, spec, runtime.GOARCH)
	}
	return err
}

// prune deletes the archives of earlier builds of a program.
func (c *Cache) prune(program string) error {
	current := c.Images[len(c.Images)-1].Archive
	files, err := filepath.Glob(filepath.Join(c.world.Cache, "images", program+"-*.tar"))
	if err != nil {
		return err
	}
	for _, file := range files {
		if file == current {
			continue
		}
		if err := os.Remove(file); err != nil {
			return fmt.Errorf("delete an old image: %w", err)
		}
	}
	return nil
}

func hashOf(file string) (string, error) {
	in, err := os.Open(file)
	if err != nil {
		return "", err
	}
	defer in.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, in); err != nil {
		return "", err
	}
	return hex.EncodeToString(sum.Sum(nil))[:12], nil
}
