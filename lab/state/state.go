// Package state is the lab's memory on disk: what was started and what was made outside the
// run folder, written before or as it happens, so that a lab whose starter was killed can
// still be taken down completely.
package state

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

// Process is a started daemon. A pid alone proves nothing: it is ours only while the process
// with that pid started at the recorded time.
type Process struct {
	Name string `json:"name"`
	// PID is 0 from the moment before the start until the pid is known.
	PID int `json:"pid"`
	// Start is field 22 of /proc/PID/stat: clock ticks since boot.
	Start uint64   `json:"start"`
	Argv  []string `json:"argv"`
	// Net is the network namespace it runs in.
	Net string `json:"net"`
}

// State is what the file holds.
type State struct {
	Began time.Time `json:"began"`
	// Complete is set by a successful end of up; without it the lab is a wreck.
	Complete bool `json:"complete"`
	// Folders outside the cache that did not exist before; removed when empty.
	Folders   []string  `json:"folders"`
	Processes []Process `json:"processes"`
}

// File is the state on disk. It may be used from several goroutines; each change is on disk
// when the method returns.
type File struct {
	mu    sync.Mutex
	path  string
	state State
}

// ErrNone says that there is no state file: no lab is up, and none was left behind.
var ErrNone = errors.New("no lab is up")

// Create starts a new file; an existing one is replaced.
func Create(path string) (*File, error) {
	f := &File{path: path, state: State{Began: time.Now().UTC()}}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, fmt.Errorf("make the folder of the state file: %w", err)
	}
	return f, f.change(func(*State) {})
}

// Open reads an existing file. A missing one is ErrNone.
func Open(path string) (*File, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNone
	}
	if err != nil {
		return nil, fmt.Errorf("read the state file: %w", err)
	}
	f := &File{path: path}
	if err := json.Unmarshal(data, &f.state); err != nil {
		return nil, fmt.Errorf("read the state file %s: %w", path, err)
	}
	return f, nil
}

// Now is a copy of the state.
func (f *File) Now() State {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := f.state
	s.Folders = append([]string(nil), s.Folders...)
	s.Processes = append([]Process(nil), s.Processes...)
	return s
}

// Record adds a process, or replaces the one of the same name.
func (f *File) Record(p Process) error {
	return f.change(func(s *State) {
		for i := range s.Processes {
			if s.Processes[i].Name == p.Name {
				s.Processes[i] = p
				return
			}
		}
		s.Processes = append(s.Processes, p)
	})
}

// Forget removes a process that was ended on purpose.
func (f *File) Forget(name string) error {
	return f.change(func(s *State) {
		s.Processes = slices.DeleteFunc(s.Processes, func(p Process) bool { return p.Name == name })
	})
}

// Made records a folder that is about to be made.
func (f *File) Made(folder string) error {
	return f.change(func(s *State) { s.Folders = append(s.Folders, folder) })
}

// Finish marks the lab as completely up.
func (f *File) Finish() error {
	return f.change(func(s *State) { s.Complete = true })
}

// change writes to a new file and renames it, so that a reader or a crash never sees half of it.
func (f *File) change(edit func(*State)) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	edit(&f.state)
	data, err := json.MarshalIndent(f.state, "", "  ")
	if err != nil {
		return fmt.Errorf("encode the state: %w", err)
	}
	next := f.path + ".next"
	if err := os.WriteFile(next, append(data, '\n'), 0o600); err != nil {
		return fmt.Errorf("write the state file: %w", err)
	}
	if err := os.Rename(next, f.path); err != nil {
		return fmt.Errorf("write the state file: %w", err)
	}
	return nil
}
