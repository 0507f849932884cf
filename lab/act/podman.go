package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"cutover.dev/cutover/lab/podman"
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

// startPodman starts podman's service as one of the lab's daemons, and waits until it answers.
func startPodman(ctx context.Context, w world.World) error {
	if err := os.MkdirAll(workspaces(w), 0o755); err != nil {
		return fmt.Errorf("make the folder of podman: %w", err)
	}
	p, err := podman.In(folder(w))
	if err != nil {
		return err
	}
	if err := rig.Join(ctx, w, proc.Daemon{
		Name: "podman", Net: world.NetClient, Argv: p.Argv("system", "service", "--time", "0", "unix://"+socket(w)),
	}); err != nil {
		return err
	}
	client := http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", socket(w))
	}}}
	defer client.CloseIdleConnections()
	err = ready.Until(ctx, "podman", 30*time.Second, func(ctx context.Context) error {
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

// asPod starts what is in the image as the hooks of ARC's kubernetes mode do: tail keeps the pod of a job, and a step is a script
// for sh that becomes env, and that the entrypoint.
func asPod(ctx context.Context, image string) error {
	const script = "tail -c 0 /etc/ssl/certs/ca-certificates.crt\nexec env A=b /usr/local/bin/cutover version\n"
	cmd := exec.CommandContext(ctx, "/bin/sh", "-e", "-c", script)
	cmd.Dir, cmd.Env, cmd.SysProcAttr = "/", []string{"PATH=/bin"}, &syscall.SysProcAttr{Chroot: image}
	said, err := cmd.CombinedOutput()
	if err == nil && !strings.HasPrefix(string(said), "cutover ") {
		err = errors.New("it does not say its version")
	}
	if err != nil {
		return fmt.Errorf("start the image as a step of ARC's kubernetes mode: %w\n%s", err, said)
	}
	return nil
}
