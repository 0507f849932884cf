package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"cutover.dev/cutover/lab/proc"
	"cutover.dev/cutover/lab/ready"
	"cutover.dev/cutover/lab/rig"
	"cutover.dev/cutover/lab/world"
)

// Everything of act and podman is below the lab's run folder, and in the network of the lab's clients: that is how the lab
// finds it again, whoever was killed.
func folder(w world.World) string     { return filepath.Join(w.Run, "act") }
func socket(w world.World) string     { return filepath.Join(folder(w), "podman.sock") }
func workspaces(w world.World) string { return filepath.Join(folder(w), "jobs") }

// settingsOfPodman keep it apart from any other podman of the machine. Limits are low because a machine that is a container
// itself cannot raise its own, and runc is used because crun refuses machines with both kinds of control groups.
const settingsOfPodman = `[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
[engine]
cgroup_manager = "cgroupfs"
events_logger = "none"
lock_type = "file"
runtime = "runc"
[network]
network_config_dir = %q
`

// startPodman starts podman's service as one of the lab's daemons, and waits until it answers.
func startPodman(ctx context.Context, w world.World) error {
	dir := folder(w)
	settings := filepath.Join(dir, "containers.conf")
	if err := os.MkdirAll(workspaces(w), 0o755); err != nil {
		return fmt.Errorf("make the folder of podman: %w", err)
	}
	if err := os.WriteFile(settings, fmt.Appendf(nil, settingsOfPodman, filepath.Join(dir, "networks")), 0o644); err != nil {
		return fmt.Errorf("write podman's settings: %w", err)
	}
	if err := rig.Join(ctx, w, proc.Daemon{Name: "podman", Net: world.NetClient, Argv: []string{
		"env", "CONTAINERS_CONF=" + settings, "podman",
		"--root", filepath.Join(dir, "storage"), "--runroot", filepath.Join(dir, "containers"), "--tmpdir", filepath.Join(dir, "tmp"),
		"system", "service", "--time", "0", "unix://" + socket(w),
	}}); err != nil {
		return err
	}
	client := http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", socket(w))
	}}}
	defer client.CloseIdleConnections()
	err := ready.Until(ctx, "podman", 30*time.Second, func(ctx context.Context) error {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://podman/_ping", nil)
		if err != nil {
			return err
		}
		resp, err := client.Do(req)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return fmt.Errorf("it answers %s", resp.Status)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("%w; %s", err, proc.Tail(w.Log("podman")))
	}
	return nil
}
