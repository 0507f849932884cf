package proc

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"

	"cutover.dev/cutover/lab/ready"
	"cutover.dev/cutover/lab/state"
	"cutover.dev/cutover/lab/world"
)

// KillAll ends every process of the lab with SIGKILL: nothing in a lab that goes away is worth
// a graceful end, and a kubelet that gets the time would restart containers. It looks again
// until none is left, because some may start others while they are being killed.
func KillAll(ctx context.Context, w world.World, recorded []state.Process) error {
	return ready.Until(ctx, "the end of the lab's processes", 20*time.Second, func(context.Context) error {
		left, err := Ours(w, recorded)
		if err != nil {
			return err
		}
		for _, info := range left {
			if err := kill(info); err != nil {
				return err
			}
		}
		if len(left) > 0 {
			return fmt.Errorf("%d still run, for example %d: %.80s", len(left), left[0].PID, left[0].Command)
		}
		return nil
	})
}

// End ends one recorded process and waits until it is gone. That it is gone already is fine.
func End(ctx context.Context, p state.Process) error {
	return ready.Until(ctx, "the end of "+p.Name, 5*time.Second, func(context.Context) error {
		if !Alive(p.PID, p.Start) {
			return nil
		}
		if err := kill(Info{PID: p.PID, Start: p.Start, Command: p.Name}); err != nil {
			return err
		}
		return fmt.Errorf("process %d still runs", p.PID)
	})
}

// kill ends one process if it is still the one that was found.
func kill(info Info) error {
	if !Alive(info.PID, info.Start) {
		return nil
	}
	err := syscall.Kill(info.PID, syscall.SIGKILL)
	if err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("kill %d (%.80s): %w", info.PID, info.Command, err)
	}
	return nil
}
