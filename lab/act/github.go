package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"cutover.dev/cutover/lab/proc"
	"cutover.dev/cutover/lab/ready"
	"cutover.dev/cutover/lab/rig"
	"cutover.dev/cutover/lab/world"
)

// The double of GitHub's API, as the jobs see it. The repository is the only one that it has.
const (
	repository = "acme/shop"
	hubAddress = "127.0.0.1:8790"
	hubToken   = "hub-t0k3n"
)

// double is the process that answers as GitHub's API does, spoken to as GitHub itself and as its people.
type double struct{ client http.Client }

// asked is what one asks of the double; each path uses what it needs.
type asked map[string]any

// startDouble builds the double from the product's sources and starts it among the lab's daemons, in the network of the jobs.
func startDouble(ctx context.Context, w world.World, root string) (*double, error) {
	binary := filepath.Join(folder(w), "githubtest")
	build := exec.CommandContext(ctx, "go", "build", "-o", binary, "./pkg/hub/githubtest")
	build.Dir = root
	if said, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build the double of GitHub: %w\n%s", err, said)
	}
	control := filepath.Join(folder(w), "github.sock")
	if err := rig.Join(ctx, w, proc.Daemon{Name: "github", Net: world.NetClient, Argv: []string{binary, "-listen", hubAddress, "-control", control}}); err != nil {
		return nil, err
	}
	d := &double{http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", control)
	}}}}
	if err := ready.Until(ctx, "the double of GitHub", 30*time.Second, func(ctx context.Context) error { return d.do(ctx, "state", nil, nil) }); err != nil {
		return nil, fmt.Errorf("%w; %s", err, proc.Tail(w.Log("github")))
	}
	return d, nil
}

// do is one thing that GitHub or its people do. An error that the double answers says which rule forbids it.
func (d *double) do(ctx context.Context, what string, in asked, out any) error {
	if in == nil {
		in = asked{}
	}
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://github/double/"+what, bytes.NewReader(body))
	if err != nil {
		return err
	}
	resp, err := d.client.Do(req)
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	defer resp.Body.Close()
	said, err := io.ReadAll(resp.Body)
	switch {
	case err != nil:
		return fmt.Errorf("%s: %w", what, err)
	case resp.StatusCode != http.StatusOK:
		return fmt.Errorf("%s: %s", what, strings.TrimSpace(string(said)))
	case out == nil:
		return nil
	}
	return json.Unmarshal(said, out)
}

// hubState is what the double knows.
type hubState struct {
	Pulls []struct {
		Number                           int
		State, Title, Body, Head, Author string
	}
	Comments []struct {
		Body string `json:"body"`
	}
	Workflows map[string]struct {
		Off     bool
		Started []struct{ Ref string }
	}
}

func (d *double) state(ctx context.Context) (hubState, error) {
	var s hubState
	err := d.do(ctx, "state", nil, &s)
	return s, err
}

// gh is the little of GitHub's command line that the workflows use: `workflow run FILE --repo R --ref B` and `workflow disable FILE
// --repo R`. The real one insists on TLS.
func gh(args []string) error {
	if len(args) < 5 || args[0] != "workflow" || args[3] != "--repo" {
		return fmt.Errorf("this stand-in does not know %q", args)
	}
	method, path, body := http.MethodPut, args[1], "{}"
	if args[1] == "run" && len(args) == 7 && args[5] == "--ref" {
		method, path, body = http.MethodPost, "dispatches", fmt.Sprintf(`{"ref": %q}`, args[6])
	} else if args[1] != "disable" && args[1] != "enable" {
		return fmt.Errorf("this stand-in does not know %q", args)
	}
	req, err := http.NewRequest(method, fmt.Sprintf("%s/repos/%s/actions/workflows/%s/%s", os.Getenv("GITHUB_API_URL"), args[4], args[2], path), strings.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+os.Getenv("GH_TOKEN"))
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusNoContent {
		said, err := io.ReadAll(resp.Body)
		return fmt.Errorf("%s: %s (%v)", resp.Status, said, err)
	}
	return nil
}
