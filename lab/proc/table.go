// Package proc starts the lab's daemons, recognises them again and ends them. It identifies a
// process by pid and start time, by the network namespace it is in, or by the files of its
// root folder: never by its name alone.
package proc

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// Info is what the lab needs to know about a running process.
type Info struct {
	PID, Parent int
	// Start is in clock ticks since boot.
	Start uint64
	// Zombie: it has ended and waits to be reaped.
	Zombie bool
	// Command is the argument list joined by blanks.
	Command string
}

// errGone says that a process ended while it was looked at.
var errGone = errors.New("no such process")

// Look reads one process. A process that does not exist is errGone.
func Look(pid int) (Info, error) {
	dir := filepath.Join("/proc", strconv.Itoa(pid))
	stat, err := os.ReadFile(filepath.Join(dir, "stat"))
	if err != nil {
		return Info{}, gone(err)
	}
	info, err := parseStat(string(stat))
	if err != nil {
		return Info{}, fmt.Errorf("read %s/stat: %w", dir, err)
	}
	command, err := os.ReadFile(filepath.Join(dir, "cmdline"))
	if err != nil {
		return Info{}, gone(err)
	}
	info.Command = strings.TrimSpace(string(bytes.ReplaceAll(command, []byte{0}, []byte{' '})))
	return info, nil
}

// gone turns the ways in which /proc says "ended" into one error. ESRCH comes from reads of
// an already opened file and is no fs.ErrNotExist.
func gone(err error) error {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
		return errGone
	}
	return err
}

// parseStat reads the fields of /proc/PID/stat. The second one is the program's name in
// brackets and may hold blanks and brackets itself, so everything counts from the last one.
func parseStat(stat string) (Info, error) {
	open, closed := strings.IndexByte(stat, '('), strings.LastIndexByte(stat, ')')
	if open < 0 || closed < open {
		return Info{}, fmt.Errorf("no program name in %q", stat)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(stat[:open]))
	if err != nil {
		return Info{}, fmt.Errorf("pid: %w", err)
	}
	fields := strings.Fields(stat[closed+1:]) // fields[0] is field 3
	if len(fields) < 20 {
		return Info{}, fmt.Errorf("only %d fields", len(fields)+2)
	}
	parent, err := strconv.Atoi(fields[1])
	if err != nil {
		return Info{}, fmt.Errorf("parent: %w", err)
	}
	start, err := strconv.ParseUint(fields[19], 10, 64)
	if err != nil {
		return Info{}, fmt.Errorf("start time: %w", err)
	}
	return Info{PID: pid, Parent: parent, Start: start, Zombie: fields[0] == "Z" || fields[0] == "X"}, nil
}

// Table is every process of the machine; those that end meanwhile are left out.
func Table() ([]Info, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, fmt.Errorf("list the processes: %w", err)
	}
	var all []Info
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		info, err := Look(pid)
		if errors.Is(err, errGone) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("list the processes: %w", err)
		}
		all = append(all, info)
	}
	return all, nil
}

// Alive says whether exactly this process still runs.
func Alive(pid int, start uint64) bool {
	if pid <= 0 {
		return false
	}
	info, err := Look(pid)
	return err == nil && info.Start == start && !info.Zombie
}
