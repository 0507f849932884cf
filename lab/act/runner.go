package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"k8s.io/client-go/tools/clientcmd"

	"cutover.dev/cutover/lab/world"
)

// secrets are what the workflow is given, and what of it no log may show.
type secrets struct {
	file   string // the content of the file that act reads
	hidden []string
}

// secretsOf reads the lab's files for the tool as UserRun or UserPlan. The certificate of its authority is a secret of the
// workflow only to get there.
func secretsOf(w world.World, user string) (secrets, error) {
	var s secrets
	var b strings.Builder
	for _, c := range world.Clusters() {
		path := w.Kubeconfig(c, user)
		data, err := os.ReadFile(path)
		if err != nil {
			return s, fmt.Errorf("read the kubeconfig of %s: %w", c.Name, err)
		}
		line := base64.StdEncoding.EncodeToString(data)
		fmt.Fprintf(&b, "%s_KUBECONFIG_B64=%s\n", strings.ToUpper(c.Name), line)
		parsed, err := clientcmd.Load(data)
		if err != nil {
			return s, fmt.Errorf("read the kubeconfig of %s: %w", c.Name, err)
		}
		s.hidden = append(s.hidden, line)
		for _, user := range parsed.AuthInfos {
			s.hidden = append(s.hidden, credentials(user.Token, user.Password, string(user.ClientKeyData))...)
		}
	}
	uri := w.EnvironmentOf(user)["CUTOVER_MONGODB_URI"]
	fmt.Fprintf(&b, "MONGODB_URI=%s\n", uri)
	s.hidden = append(s.hidden, credentials(uri, world.MongoRun.Password, world.MongoPlan.Password)...)
	ca, err := os.ReadFile(w.CA())
	if err != nil {
		return s, fmt.Errorf("read the lab's authority: %w", err)
	}
	fmt.Fprintf(&b, "LAB_CA_B64=%s\n", base64.StdEncoding.EncodeToString(ca))
	s.file = b.String()
	return s, nil
}

// credentials are the lines of the values that say something, as they are and as base64: a log shows lines.
func credentials(values ...string) []string {
	var out []string
	for _, v := range values {
		if v != "" {
			out = append(out, base64.StdEncoding.EncodeToString([]byte(v)))
		}
		for line := range strings.Lines(v) {
			if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "-----") {
				out = append(out, line)
			}
		}
	}
	return out
}

// byHand is what GitHub says of a run that was started by hand. Without it act looks for a branch, which a checkout in CI
// does not have.
const byHand = `{"ref": "refs/heads/main"}`

// started is one run of a workflow, as act is told of it.
type started struct {
	root     string // the checkout
	workflow string // its file, below root
	trigger  string // workflow_dispatch, push, pull_request
	event    string // what GitHub says of it, as JSON
	secrets  secrets
	more     []string // more of act's flags
	path     string   // a folder of programs before all others; "": none
}

// run runs a workflow to its end. What act prints goes to out as it comes. Nothing is masked by act: what the tool itself lets
// through is to be seen. The jobs share one image, since they have one commit.
func (s started) run(ctx context.Context, w world.World, out io.Writer) (err error) {
	file, eventFile := filepath.Join(folder(w), "secrets"), filepath.Join(folder(w), "event.json")
	if err := errors.Join(os.WriteFile(file, []byte(s.secrets.file), 0o600), os.WriteFile(eventFile, []byte(s.event), 0o644)); err != nil {
		return fmt.Errorf("write the secrets and the event: %w", err)
	}
	defer func() { err = errors.Join(err, os.Remove(file)) }()
	env, err := environment(ctx, w, s.path)
	if err != nil {
		return err
	}
	jobs := workspaces(w)
	args := []string{
		s.trigger, "--workflows", s.workflow, "--eventpath", eventFile, "--json", "--insecure-secrets", "--secret-file", file,
		"--platform", "ubuntu-latest=-self-hosted", "--action-cache-path", jobs, "--no-cache-server",
		"--pull=false", "--rebuild=false", "--container-daemon-socket", "-", "--container-options", "-v=" + jobs + ":" + jobs + " --network=host",
	}
	cmd := world.Command(ctx, world.NetClient, w.Tool("act"), append(args, s.more...)...)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = s.root, env, out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // a Ctrl-C in the terminal is ours to pass on
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 20 * time.Second
	if err := cmd.Run(); err != nil {
		return errors.Join(fmt.Errorf("run act: %w", err), context.Cause(ctx))
	}
	return nil
}

// environment is all that act and its jobs get: no settings of the user's, and Go's caches, because the network of the jobs
// leads to the two clusters and nowhere else.
func environment(ctx context.Context, w world.World, first string) ([]string, error) {
	out, err := exec.CommandContext(ctx, "go", "env", "-json", "GOENV", "GOCACHE", "GOMODCACHE", "GOTOOLCHAIN").Output()
	if err != nil {
		return nil, fmt.Errorf("ask for Go's caches: %w", err)
	}
	var golang map[string]string
	if err := json.Unmarshal(out, &golang); err != nil {
		return nil, fmt.Errorf("ask for Go's caches: %w", err)
	}
	path := os.Getenv("PATH")
	if first != "" {
		path = first + string(os.PathListSeparator) + path
	}
	env := []string{"PATH=" + path, "HOME=" + folder(w), "DOCKER_HOST=unix://" + socket(w), "GOPROXY=off"}
	for name, value := range golang {
		env = append(env, name+"="+value)
	}
	return env, nil
}
