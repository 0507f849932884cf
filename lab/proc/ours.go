package proc

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"cutover.dev/cutover/lab/state"
	"cutover.dev/cutover/lab/world"
)

// Ours finds every process of the lab, recorded or not: the recorded ones that are still the
// same, everything inside the lab's network namespaces, what has its home in the lab's run folder, as daemons and
// processes of the tool do, every container that stands on that folder, and all their descendants. The caller is never
// among them.
func Ours(w world.World, recorded []state.Process) ([]Info, error) {
	table, err := Table()
	if err != nil {
		return nil, err
	}
	starts := map[int]uint64{}
	for _, p := range recorded {
		starts[p.PID] = p.Start
	}
	nets := namespaces()
	ours := map[int]bool{}
	for _, info := range table {
		if start, ok := starts[info.PID]; ok && start == info.Start {
			ours[info.PID] = true
		} else if nets[link(info.PID, "ns/net")] || livesIn(info.PID, w.Run) || standsOn(info.PID, w.Run) {
			ours[info.PID] = true
		}
	}
	spare := ancestors(table, os.Getpid())
	descend(table, ours)
	var found []Info
	for _, info := range table {
		if ours[info.PID] && !spare[info.PID] && !info.Zombie {
			found = append(found, info)
		}
	}
	return found, nil
}

// namespaces are the identities of the lab's network namespaces, as /proc/PID/ns/net shows them.
func namespaces() map[string]bool {
	nets := map[string]bool{}
	files, _ := filepath.Glob(world.NetFile(world.NetPrefix + "*"))
	for _, file := range files {
		if inode, ok := inodeOf(file); ok {
			nets["net:["+strconv.FormatUint(inode, 10)+"]"] = true
		}
	}
	return nets
}

// link is where a link of /proc/PID points to; "" for a process that is gone.
func link(pid int, name string) string {
	target, err := os.Readlink(filepath.Join("/proc", strconv.Itoa(pid), name))
	if err != nil {
		return ""
	}
	return target
}

// livesIn says whether the home that a process was started with is the given folder or in it. What the demo starts is in no
// namespace of the lab, and has nothing else of it once the demo was killed.
func livesIn(pid int, folder string) bool {
	environ, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "environ"))
	if err != nil {
		return false
	}
	for variable := range strings.SplitSeq(string(environ), "\x00") {
		if home, ok := strings.CutPrefix(variable, "HOME="); ok {
			return home == folder || strings.HasPrefix(home, folder+"/")
		}
	}
	return false
}

// standsOn says whether the root file system of a process is a container's, with its layers
// in the given folder. Only the root's line counts: the lab's own mounts are seen by everybody.
func standsOn(pid int, folder string) bool {
	mounts, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "mountinfo"))
	if err != nil {
		return false
	}
	return rootIn(string(mounts), folder)
}

func rootIn(mountinfo, folder string) bool {
	for line := range strings.Lines(mountinfo) {
		fields := strings.Fields(line)
		if len(fields) > 4 && fields[4] == "/" {
			return strings.Contains(line, "="+folder+"/")
		}
	}
	return false
}

// descend adds the children of what is in the set until nothing is new.
func descend(table []Info, set map[int]bool) {
	for grew := true; grew; {
		grew = false
		for _, info := range table {
			if set[info.Parent] && !set[info.PID] {
				set[info.PID], grew = true, true
			}
		}
	}
}

// ancestors are a process and everything above it.
func ancestors(table []Info, pid int) map[int]bool {
	parents := map[int]int{}
	for _, info := range table {
		parents[info.PID] = info.Parent
	}
	set := map[int]bool{}
	for pid > 0 && !set[pid] {
		set[pid] = true
		pid = parents[pid]
	}
	return set
}

// Mentioning finds processes with a text in their command line; the caller and what is above
// it are left out.
func Mentioning(text string) ([]Info, error) {
	table, err := Table()
	if err != nil {
		return nil, err
	}
	spare := ancestors(table, os.Getpid())
	var found []Info
	for _, info := range table {
		if strings.Contains(info.Command, text) && !spare[info.PID] && !info.Zombie {
			found = append(found, info)
		}
	}
	return found, nil
}
