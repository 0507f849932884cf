package proc

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"cutover.dev/cutover/lab/state"
	"cutover.dev/cutover/lab/world"
)

func TestStatIsReadWhateverTheProgramIsCalled(t *testing.T) {
	const rest = " S 17 1 1 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 987654 1 2"
	for _, name := range []string{"(etcd)", "(a b)", "(a) S 99 (b)", "())"} {
		info, err := parseStat("42 " + name + rest)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if info.PID != 42 || info.Parent != 17 || info.Start != 987654 || info.Zombie {
			t.Errorf("%s: got %+v", name, info)
		}
	}
}

func TestHalfAStatLineIsAnError(t *testing.T) {
	for _, line := range []string{"", "42", "42 (a", "42 (a) S 1", "x (a) S 17 1 1 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 9"} {
		if info, err := parseStat(line); err == nil {
			t.Errorf("%q: got %+v", line, info)
		}
	}
}

func TestAPidWithAnotherStartTimeIsSomebodyElse(t *testing.T) {
	info, err := Look(os.Getpid())
	if err != nil {
		t.Skipf("no /proc here: %v", err)
	}
	if !Alive(info.PID, info.Start) {
		t.Error("this very process is said not to run")
	}
	if Alive(info.PID, info.Start+1) {
		t.Error("a process that started at another time is said to run")
	}
	if Alive(0, 0) {
		t.Error("pid 0, which means not started yet, is said to run")
	}
}

func TestOnlyTheRecordedProcessIsEnded(t *testing.T) {
	cmd := exec.Command("sleep", "60")
	if err := cmd.Start(); err != nil {
		t.Skipf("no sleep here: %v", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	info, err := Look(cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	if err := End(t.Context(), state.Process{Name: "another", PID: info.PID, Start: info.Start + 1}); err != nil || !Alive(info.PID, info.Start) {
		t.Errorf("a process that started at another time: %v", err)
	}
	if err := End(t.Context(), state.Process{Name: "it", PID: info.PID, Start: info.Start}); err != nil || Alive(info.PID, info.Start) {
		t.Errorf("it still runs: %v", err)
	}
	<-ended
}

func TestOnlyTheSameProcessIsOurs(t *testing.T) {
	cmd := exec.Command("sleep", "60")
	if err := cmd.Start(); err != nil {
		t.Skipf("no sleep here: %v", err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	info, err := Look(cmd.Process.Pid)
	if err != nil {
		t.Skipf("no /proc here: %v", err)
	}
	w := world.At(t.TempDir())
	for _, c := range []struct {
		why   string
		start uint64
		want  bool
	}{{"recorded", info.Start, true}, {"pid used again", info.Start - 1, false}} {
		ours, err := Ours(w, []state.Process{{Name: "sleep", PID: info.PID, Start: c.start}})
		if err != nil {
			t.Fatal(err)
		}
		if got := slices.ContainsFunc(ours, func(i Info) bool { return i.PID == info.PID }); got != c.want {
			t.Errorf("%s: ours is %v, want %v", c.why, got, c.want)
		}
	}
}

// What the demo started has its home in the run folder. Nothing else ties it to a lab once the demo was killed.
func TestAProcessThatLivesInTheRunFolderIsOurs(t *testing.T) {
	w := world.At(t.TempDir())
	for home, want := range map[string]bool{
		filepath.Join(w.Homes(), "x"): true, w.Run: true, w.Run + "ning": false, w.Cache: false,
	} {
		cmd := exec.Command("sh", "-c", "sleep 60; :") // and its child, which inherits it
		cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "NOHOME=" + w.Run, "HOME=" + home}
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		if err := cmd.Start(); err != nil {
			t.Skipf("no shell here: %v", err)
		}
		t.Cleanup(func() {
			_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
			_ = cmd.Wait()
		})
		if _, err := Look(cmd.Process.Pid); err != nil {
			t.Skipf("no /proc here: %v", err)
		}
		ours, err := Ours(w, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := slices.ContainsFunc(ours, func(i Info) bool { return i.PID == cmd.Process.Pid }); got != want {
			t.Errorf("a process with the home %s: ours is %v, want %v", home, got, want)
		}
	}
}

func TestTheCallerIsNeverOurs(t *testing.T) {
	info, err := Look(os.Getpid())
	if err != nil {
		t.Skipf("no /proc here: %v", err)
	}
	ours, err := Ours(world.At(t.TempDir()), []state.Process{{PID: info.PID, Start: info.Start}})
	if err != nil {
		t.Fatal(err)
	}
	if slices.ContainsFunc(ours, func(i Info) bool { return i.PID == info.PID }) {
		t.Error("down would kill itself")
	}
}

func TestDescendantsAreFoundInAnyOrder(t *testing.T) {
	set := map[int]bool{10: true}
	descend([]Info{{PID: 12, Parent: 11}, {PID: 11, Parent: 10}, {PID: 20, Parent: 1}}, set)
	if !set[11] || !set[12] || set[20] {
		t.Errorf("got %v", set)
	}
}

func TestAContainerIsKnownByItsRoot(t *testing.T) {
	const run = "/cache/run"
	container := "100 99 0:50 / / rw,relatime - overlay overlay rw,lowerdir=/cache/run/old/ctr/x/fs,upperdir=/cache/run/old/ctr/y/fs\n"
	machine := "20 1 254:0 / / rw - ext4 /dev/vda rw\n50 20 254:0 /cache/run/mnt /cache/run/mnt rw - ext4 /dev/vda rw,x=/cache/run/\n"
	if !rootIn(container, run) {
		t.Error("a container of the lab is not recognised")
	}
	if rootIn(machine, run) {
		t.Error("a process that merely sees the lab's mounts is taken for a container")
	}
}

func TestWhatIsMissingIsNamedWithItsPackage(t *testing.T) {
	there := filepath.Join(t.TempDir(), "plugin.so") // a file that nobody runs
	if err := os.WriteFile(there, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Installed("servers", map[string]string{"sh": "dash", there: "plugins"}); err != nil {
		t.Error(err)
	}
	err := Installed("servers", map[string]string{"sh": "dash", there + ".not": "plugins"})
	if want := there + ".not is not installed; fix: make servers, or apt-get install plugins"; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}
