package proc

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"cutover.dev/cutover/lab/state"
	"cutover.dev/cutover/lab/world"
)

// Installed says which of these programs, or files with a path, are missing: each with the package that has it. target is what
// make installs them by.
func Installed(target string, packages map[string]string) error {
	var errs []error
	for what, pkg := range packages {
		_, no := exec.LookPath(what)
		if filepath.IsAbs(what) {
			_, no = os.Stat(what)
		}
		if no != nil {
			errs = append(errs, fmt.Errorf("%s is not installed; fix: make %s, or apt-get install %s", what, target, pkg))
		}
	}
	return errors.Join(errs...)
}

// Daemon is a program that goes on running when its starter has ended.
type Daemon struct {
	// Name is unique in the lab: "old-etcd". It names the record and the log.
	Name string
	// Net is the network namespace, MountFile the mount namespace ("" is the machine's own).
	Net, MountFile string
	Argv           []string
}

// starter is the whole job of the process between the lab and a daemon: start it in the
// background, say its pid, end. So the daemon's parent is init from the beginning. Envoy needs
// that: it asks the kernel to be killed when the process that started it ends.
const starter = `log=$1; shift; "$@" >>"$log" 2>&1 </dev/null & echo $!`

// Start starts a daemon and records it, before and after, so that a lab that is killed in
// between knows about it. The context ends only the starting, never the daemon.
func Start(ctx context.Context, w world.World, file *state.File, d Daemon) error {
	record := state.Process{Name: d.Name, Argv: d.Argv, Net: d.Net}
	if err := file.Record(record); err != nil {
		return err
	}
	log := w.Log(d.Name)
	if err := os.MkdirAll(filepath.Dir(log), 0o755); err != nil {
		return fmt.Errorf("start %s: %w", d.Name, err)
	}
	enter := []string{"-c", starter, "starter", log, "nsenter", "--net=" + world.NetFile(d.Net)}
	if d.MountFile != "" {
		enter = append(enter, "--mount="+d.MountFile)
	}
	cmd := exec.CommandContext(ctx, "sh", append(enter, d.Argv...)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // a Ctrl-C for the lab is not for its daemons
	cmd.Env = environment(w)
	cmd.Dir = w.Run
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("start %s: %w", d.Name, err)
	}
	record.PID, err = strconv.Atoi(strings.TrimSpace(string(out)))
	if err != nil {
		return fmt.Errorf("start %s: read its pid: %w", d.Name, err)
	}
	info, err := Look(record.PID)
	if errors.Is(err, errGone) {
		return fmt.Errorf("start %s: it ended at once: %s", d.Name, Tail(log))
	}
	if err != nil {
		return fmt.Errorf("start %s: %w", d.Name, err)
	}
	record.Start = info.Start
	return file.Record(record)
}

// environment is all that a daemon gets: nothing of the caller's, no proxies, no kubeconfig.
func environment(w world.World) []string {
	return []string{
		"PATH=" + filepath.Join(w.Cache, "bin") + ":/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		"HOME=" + w.Run,
	}
}

// Tail is the end of a log, for messages about a daemon that is gone.
func Tail(log string) string {
	const size = 1200
	data, err := os.ReadFile(log)
	if err != nil {
		return "its log cannot be read: " + err.Error()
	}
	if len(data) > size {
		data = data[len(data)-size:]
	}
	return "end of " + log + ":\n" + strings.TrimSpace(string(data))
}

// Ended is the error that says a started daemon is gone, with the end of its log; nil while it runs.
func Ended(w world.World, file *state.File, name string) error {
	for _, p := range file.Now().Processes {
		if p.Name == name && p.PID != 0 && !Alive(p.PID, p.Start) {
			return fmt.Errorf("%s has ended; %s", name, Tail(w.Log(name)))
		}
	}
	return nil
}
