package cluster

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

	"cutover.dev/cutover/lab/state"
	"cutover.dev/cutover/lab/world"
)

// hardCoded are the paths that kubelet, CNI and containerd use wherever they are told to
// live. Each cluster gets copies of its own, seen only in its mount namespace.
var hardCoded = []string{"/var/lib/kubelet", "/var/lib/cni", "/var/log/containers", "/run/containerd", "/run/netns", "/run/mount"}

// PrepareMounts makes what the mount namespaces of both clusters need on the machine: mount
// points that do not exist yet, recorded before they are made, and a private mount that may
// hold the namespaces' files. It is called once, before the first cluster.
func PrepareMounts(w world.World, file *state.File) error {
	for _, path := range hardCoded {
		if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err := file.Made(path); err != nil {
			return err
		}
		if err := os.MkdirAll(path, 0o755); err != nil {
			return fmt.Errorf("make mount point: %w", err)
		}
	}
	folder := filepath.Join(w.Run, "mnt")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return fmt.Errorf("make mount point: %w", err)
	}
	if err := bindPrivately(folder); err != nil {
		return fmt.Errorf("mount %s: %w", folder, err)
	}
	return nil
}

// mount makes the cluster's mount namespace and keeps it in a file, so that it stays without
// a process and goes with one umount.
func (c *Cluster) mount(ctx context.Context) error {
	var script strings.Builder
	// Shared inside, so that containers' mounts propagate as they do on a real node; private
	// towards the machine, so that nothing of it is seen there.
	script.WriteString("mount --make-rshared /\n")
	for _, path := range hardCoded {
		own := c.Path("host", path)
		if err := os.MkdirAll(own, 0o755); err != nil {
			return err
		}
		fmt.Fprintf(&script, "mount --bind '%s' '%s'\n", own, path)
	}
	file := c.World.MountFile(c.Cluster)
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "unshare", "--mount="+file, "--propagation", "private", "sh", "-ec", script.String())
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("make the mount namespace: %w: %s", err, bytes.TrimSpace(out))
	}
	return nil
}
