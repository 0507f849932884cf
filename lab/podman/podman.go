// Package podman runs podman from Debian apart from any other podman of the machine: images, containers and settings are in
// one folder. It starts nothing by itself; below the lab's run folder, rig.Down finds all that it left.
package podman

import (
	"fmt"
	"os"
	"path/filepath"
)

// Podman is a podman of its own.
type Podman struct{ dir string }

// settings: limits are low because a machine that is a container itself cannot raise its own, and runc is used because crun
// refuses machines with both kinds of control groups.
const settings = `[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
[engine]
cgroup_manager = "cgroupfs"
events_logger = "none"
lock_type = "file"
runtime = "runc"
[network]
network_config_dir = %q
`

// In is the podman of a folder, which is made.
func In(dir string) (Podman, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return Podman{}, fmt.Errorf("make the folder of podman: %w", err)
	}
	p := Podman{dir}
	if err := os.WriteFile(p.path("containers.conf"), fmt.Appendf(nil, settings, p.path("networks")), 0o644); err != nil {
		return Podman{}, fmt.Errorf("write podman's settings: %w", err)
	}
	return p, nil
}

func (p Podman) path(name string) string { return filepath.Join(p.dir, name) }

// Argv is the command line that runs podman with these arguments.
func (p Podman) Argv(args ...string) []string {
	return append([]string{
		"env", "CONTAINERS_CONF=" + p.path("containers.conf"), "podman",
		"--root", p.path("storage"), "--runroot", p.path("containers"), "--tmpdir", p.path("tmp"),
	}, args...)
}
