package rig

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"cutover.dev/cutover/lab/netns"
	"cutover.dev/cutover/lab/proc"
	"cutover.dev/cutover/lab/world"
)

// Check fails when anything of a lab is on the machine outside its cache, and names it.
func Check(ctx context.Context, w world.World) error {
	left, err := Leftovers(ctx, w)
	if err != nil {
		return fmt.Errorf("look for leftovers of the lab: %w", err)
	}
	var errs []error
	for _, what := range left {
		errs = append(errs, errors.New("left behind: "+what))
	}
	return errors.Join(errs...)
}

// Leftovers lists what of a lab is there: processes, network namespaces, links, routes, mounts,
// control groups, the run folder. A lab that is up is a long list.
func Leftovers(ctx context.Context, w world.World) ([]string, error) {
	left, err := leftProcesses(w)
	if err != nil {
		return nil, err
	}
	for _, name := range netns.Names() {
		left = append(left, "network namespace "+name)
	}
	for _, args := range [][]string{{"-o", "link", "show"}, {"route", "show"}} {
		out, err := exec.CommandContext(ctx, "ip", args...).Output()
		if errors.Is(err, exec.ErrNotFound) {
			continue // without the program, nobody made any
		}
		if err != nil {
			return nil, fmt.Errorf("ip %s: %w", strings.Join(args, " "), err)
		}
		for line := range strings.Lines(string(out)) {
			if strings.Contains(line, world.RootLink) {
				left = append(left, args[len(args)-2]+" "+strings.TrimSpace(line))
			}
		}
	}
	points, err := mounts(w)
	if err != nil {
		return nil, err
	}
	for _, point := range points {
		left = append(left, "mount "+point)
	}
	for _, group := range groups() {
		if processes, err := os.ReadFile(group + "/cgroup.procs"); err == nil && len(processes) == 0 && !hasFolders(group) {
			left = append(left, "control group "+group)
		}
	}
	if _, err := os.Stat(w.Run); err == nil {
		left = append(left, "folder "+w.Run)
	}
	return left, nil
}

// hasFolders: a control group with groups inside belongs to pods of somebody else by now.
func hasFolders(dir string) bool {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return false
	}
	for _, entry := range entries {
		if entry.IsDir() {
			return true
		}
	}
	return false
}

// leftProcesses are the processes of the lab, and those that only have its run folder in
// their command line. The latter are never killed: a pager on a log looks the same.
func leftProcesses(w world.World) ([]string, error) {
	ours, err := proc.Ours(w, nil)
	if err != nil {
		return nil, err
	}
	mentioned, err := proc.Mentioning(w.Run + "/")
	if err != nil {
		return nil, err
	}
	seen := map[int]bool{}
	var left []string
	for _, info := range append(ours, mentioned...) {
		if !seen[info.PID] {
			seen[info.PID] = true
			left = append(left, fmt.Sprintf("process %d %.120s", info.PID, info.Command))
		}
	}
	return left, nil
}
