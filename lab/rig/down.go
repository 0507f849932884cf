package rig

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"cutover.dev/cutover/lab/netns"
	"cutover.dev/cutover/lab/proc"
	"cutover.dev/cutover/lab/progress"
	"cutover.dev/cutover/lab/ready"
	"cutover.dev/cutover/lab/state"
	"cutover.dev/cutover/lab/world"
)

// Down takes everything down that is there, also what a killed up or down has left, and
// fails when something is left in the end. With nothing there it does nothing.
func Down(ctx context.Context, w world.World, report *progress.Progress) error {
	if err := Possible(); err != nil {
		return err
	}
	release, err := lock(w)
	if err != nil {
		return err
	}
	defer release()
	return down(ctx, w, report)
}

func down(ctx context.Context, w world.World, report *progress.Progress) error {
	var known state.State
	if file, err := state.Open(statePath(w)); err == nil {
		known = file.Now()
	}
	report.Expect(3)
	if err := proc.KillAll(ctx, w, known.Processes); err != nil {
		return fmt.Errorf("take the lab down: %w", err)
	}
	report.Done("processes are gone")
	errs := []error{unmount(w), netns.Down(ctx)}
	report.Done("mounts and networks are gone")
	errs = append(errs, removeGroups(ctx), os.RemoveAll(w.Run), netns.Tidy(ctx), removeFolders(known.Folders))
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("take the lab down: %w", err)
	}
	if err := Check(ctx, w); err != nil {
		return err
	}
	report.Done("nothing is left")
	return nil
}

// unmount ends every mount below the run folder, the deepest first. A mount that is still busy
// is taken out of sight and ends by itself.
func unmount(w world.World) error {
	points, err := mounts(w)
	if err != nil {
		return err
	}
	var errs []error
	for _, point := range slices.Backward(points) {
		if syscall.Unmount(point, 0) == nil {
			continue
		}
		if err := syscall.Unmount(point, detach); err != nil {
			errs = append(errs, fmt.Errorf("unmount %s: %w", point, err))
		}
	}
	return errors.Join(errs...)
}

// detach is MNT_DETACH of <sys/mount.h>.
const detach = 2

// mounts are the mount points below the run folder, in the order in which they were made.
func mounts(w world.World) ([]string, error) {
	data, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		return nil, fmt.Errorf("list the mounts: %w", err)
	}
	return mountsBelow(string(data), w.Run), nil
}

func mountsBelow(table, folder string) []string {
	var points []string
	for line := range strings.Lines(table) {
		fields := strings.Fields(line)
		if len(fields) > 1 && (fields[1] == folder || strings.HasPrefix(fields[1], folder+"/")) {
			points = append(points, fields[1])
		}
	}
	return points
}

// groupNames are the control groups that containerd and podman put every container in, whatever
// they are told. They are shared with any other one of the machine, so only empty ones may go.
var groupNames = []string{"k8s.io", "libpod_parent"}

func groups() []string {
	var found []string
	for _, name := range groupNames {
		for _, pattern := range []string{"/sys/fs/cgroup/" + name, "/sys/fs/cgroup/*/" + name} {
			some, _ := filepath.Glob(pattern)
			found = append(found, some...)
		}
	}
	return found
}

// removeGroups removes the empty control groups of containers. A group stays busy for a moment
// after its last process has ended.
func removeGroups(ctx context.Context) error {
	return ready.Until(ctx, "the end of the containers' control groups", 5*time.Second, func(context.Context) error {
		for _, top := range groups() {
			err := filepath.WalkDir(top, func(path string, entry fs.DirEntry, err error) error {
				if err != nil || !entry.IsDir() {
					return err
				}
				return removeEmpty(path)
			})
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
		return nil
	})
}

// removeEmpty removes a control group with everything below that has no process.
func removeEmpty(group string) error {
	entries, err := os.ReadDir(group)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if entry.IsDir() {
			if err := removeEmpty(filepath.Join(group, entry.Name())); err != nil {
				return err
			}
		}
	}
	processes, err := os.ReadFile(filepath.Join(group, "cgroup.procs"))
	if err != nil || len(processes) > 0 {
		return err // somebody else's
	}
	return os.Remove(group)
}

// removeFolders removes the mount points that the lab made, if nobody uses them by now.
func removeFolders(folders []string) error {
	var errs []error
	for _, folder := range slices.Backward(folders) {
		entries, err := os.ReadDir(folder)
		if errors.Is(err, fs.ErrNotExist) || len(entries) > 0 {
			continue
		}
		errs = append(errs, os.Remove(folder))
	}
	return errors.Join(errs...)
}
