// Lab takes up and down two real Kubernetes clusters on one Linux machine.
//
//	go -C lab run . up       # as root; a minute with a warm cache
//	go -C lab run . status   # exit 1 when something is off
//	go -C lab run . env      # what to export to use it
//	go -C lab run . down     # leaves nothing but the cache
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"text/tabwriter"
	"time"

	"cutover.dev/cutover/lab/names"
	"cutover.dev/cutover/lab/progress"
	"cutover.dev/cutover/lab/rig"
	"cutover.dev/cutover/lab/world"
)

const usage = `usage: go -C lab run . <verb>

  up       take the lab up: two clusters, their ingress controllers, the demo's workloads in old;
           with --names also name servers for their hosts (bind9, knot, unbound)
  status   check every part once; exit 1 when something is off
  env      print the variables that a tool needs, to be evaluated by a shell
  down     take everything down; with --check only look whether anything is left
`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "lab:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("lab", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() { fmt.Fprint(stderr, usage) }
	if len(args) == 0 {
		return fmt.Errorf("name a verb\n\n%s", usage)
	}
	verb := args[0]
	onlyCheck := flags.Bool("check", false, "")
	named := flags.Bool("names", false, "")
	if err := flags.Parse(args[1:]); err != nil {
		return err
	}
	w, err := world.Here()
	if err != nil {
		return err
	}
	report := progress.New(stderr)
	switch {
	case verb == "up":
		if err := rig.Up(ctx, w, report); err != nil || !*named {
			return err
		}
		return rig.Names(ctx, w, report)
	case verb == "down" && *onlyCheck:
		return rig.Check(ctx, w)
	case verb == "down":
		return rig.Down(ctx, w, report)
	case verb == "status":
		return status(ctx, w, stdout)
	case verb == "env":
		return env(w, stdout)
	default:
		return fmt.Errorf("no verb %q\n\n%s", verb, usage)
	}
}

// status prints a table and fails when a line of it is bad.
func status(ctx context.Context, w world.World, out io.Writer) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	bad := 0
	results := rig.Status(ctx, w)
	for _, r := range results {
		verdict := "ok"
		if r.Err != nil {
			verdict, bad = r.Err.Error(), bad+1
		}
		fmt.Fprintf(table, "%s\t%s\t%s\n", r.Name, r.Took.Round(time.Millisecond), verdict)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	if bad > 0 {
		return fmt.Errorf("%d of %d checks say no", bad, len(results))
	}
	return nil
}

func env(w world.World, out io.Writer) error {
	variables := w.Environment()
	for _, name := range slices.Sorted(maps.Keys(variables)) {
		fmt.Fprintf(out, "export %s='%s'\n", name, variables[name])
	}
	if secret, err := names.Secret(w); err == nil { // else there are no name servers
		fmt.Fprintf(out, "export %s='%s'\n", names.SecretVariable, secret)
	}
	for _, c := range world.Clusters() {
		fmt.Fprintf(out, "# %s as administrator: export KUBECONFIG='%s'\n", c.Name, w.Kubeconfig(c, world.UserAdmin))
	}
	_, err := fmt.Fprintf(out, "# kubectl of the lab's version: %s\n", w.Tool("kubectl"))
	return err
}
