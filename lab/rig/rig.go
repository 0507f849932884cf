// Package rig takes the whole lab up and down and says how it is. It puts the parts together
// in order; what a part does is the part's own business.
package rig

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"syscall"

	"cutover.dev/cutover/lab/proc"
	"cutover.dev/cutover/lab/state"
	"cutover.dev/cutover/lab/world"
)

// ErrBusy says that another process is taking the lab up or down right now.
var ErrBusy = errors.New("another process is taking this lab up or down")

// Possible says why there can be no lab here, if so.
func Possible() error {
	if runtime.GOOS != "linux" {
		return fmt.Errorf("the lab needs Linux (network namespaces, containers); this is %s", runtime.GOOS)
	}
	if os.Geteuid() != 0 {
		return errors.New("the lab makes network namespaces and mounts and starts containers: run it as root")
	}
	return nil
}

// Vacant says why nobody may take a lab of its own up here, if so: it is not possible, or there is one that works. A wreck
// is no reason: Up clears it.
func Vacant(ctx context.Context, w world.World) error {
	if err := Possible(); err != nil {
		return err
	}
	if Check(ctx, w) == nil {
		return nil
	}
	for _, r := range Status(ctx, w) {
		if r.Err != nil {
			return nil
		}
	}
	return errors.New("a lab is up, and a fresh one is needed: make lab-down")
}

// lock makes sure that only one process at a time changes the lab. The kernel takes the lock
// back when its holder ends, however it ends.
func lock(w world.World) (release func(), err error) {
	if err := os.MkdirAll(w.Cache, 0o755); err != nil {
		return nil, fmt.Errorf("make the cache folder: %w", err)
	}
	file, err := os.OpenFile(filepath.Join(w.Cache, "lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("lock the lab: %w", err)
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("lock the lab: %w", ErrBusy), file.Close())
	}
	return func() { file.Close() }, nil
}

// Join starts one more daemon beside a lab that is up, in one of its networks. It is the lab's from then on: Status looks at
// it, and Down ends it with all that it started.
func Join(ctx context.Context, w world.World, d proc.Daemon) error {
	release, err := lock(w)
	if err != nil {
		return err
	}
	defer release()
	file, err := state.Open(statePath(w))
	if err != nil {
		return fmt.Errorf("start %s: %w", d.Name, err)
	}
	return proc.Start(ctx, w, file, d)
}

// Leave ends a daemon that Join started, and forgets it. That there is none, or no lab, is fine.
func Leave(ctx context.Context, w world.World, name string) error {
	release, err := lock(w)
	if err != nil {
		return err
	}
	defer release()
	file, err := state.Open(statePath(w))
	if errors.Is(err, state.ErrNone) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("end %s: %w", name, err)
	}
	for _, p := range file.Now().Processes {
		if p.Name == name {
			return errors.Join(proc.End(ctx, p), file.Forget(name))
		}
	}
	return nil
}

// Find is the record of a daemon of the lab that is up.
func Find(w world.World, name string) (state.Process, error) {
	file, err := state.Open(statePath(w))
	if err != nil {
		return state.Process{}, fmt.Errorf("find %s: %w", name, err)
	}
	for _, p := range file.Now().Processes {
		if p.Name == name {
			return p, nil
		}
	}
	return state.Process{}, fmt.Errorf("find %s: the lab has no such daemon", name)
}

func statePath(w world.World) string { return filepath.Join(w.Run, "state.json") }

// condition is what an earlier up has left.
type condition int

const (
	absent condition = iota
	wreck            // half up, or up before a reboot
	running
)

// find says what is there, and the state file if there is one.
func find(ctx context.Context, w world.World) (condition, *state.File, error) {
	file, err := state.Open(statePath(w))
	if errors.Is(err, state.ErrNone) {
		left, err := Leftovers(ctx, w)
		if err != nil || len(left) == 0 {
			return absent, nil, err
		}
		return wreck, nil, nil
	}
	if err != nil {
		return wreck, nil, nil // a file that cannot be read was being written by a killed up
	}
	now := file.Now()
	if !now.Complete {
		return wreck, file, nil
	}
	for _, p := range now.Processes {
		if proc.Alive(p.PID, p.Start) {
			return running, file, nil
		}
	}
	return wreck, file, nil
}
