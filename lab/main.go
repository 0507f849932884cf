// Lab takes up and down two real Kubernetes clusters on one Linux machine.
//
//	go -C lab run . up       # as root; a minute with a warm cache
//	go -C lab run . status   # exit 1 when something is off
//	go -C lab run . env      # what to export to use it
//	go -C lab run . wan      # a link between the clusters that can go wrong, until it is interrupted
//	go -C lab run . down     # leaves nothing but the cache
package main

import (
	"context"
	"errors"
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

	"cutover.dev/cutover/lab/ipsec"
	"cutover.dev/cutover/lab/names"
	"cutover.dev/cutover/lab/progress"
	"cutover.dev/cutover/lab/rig"
	"cutover.dev/cutover/lab/wan"
	"cutover.dev/cutover/lab/world"
)

const usage = `usage: go -C lab run . <verb>

  up       take the lab up: two clusters, their ingress controllers, the demo's workloads in old;
           with --names also name servers for their hosts (bind9, knot, unbound)
  status   check every part once; exit 1 when something is off
  env      print the variables that a tool needs, to be evaluated by a shell
  wan      until it is interrupted, join the two clusters of a lab that is up by a link that can go wrong, with a firewall in front of
           each that is closed (--open: not); --delay 20ms and --drop 0.01 are for every packet, --largest 1000 drops larger ones;
           --ipsec puts a strongSwan tunnel through it
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
	onlyCheck, opened, named := flags.Bool("check", false, ""), flags.Bool("open", false, ""), flags.Bool("names", false, "")
	tunnelled := flags.Bool("ipsec", false, "")
	var faults wan.Faults
	flags.DurationVar(&faults.Delay, "delay", 0, "")
	flags.Float64Var(&faults.Drop, "drop", 0, "")
	flags.IntVar(&faults.Largest, "largest", 0, "")
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
	case verb == "wan":
		var tunnel *wan.Tunnel
		if *tunnelled {
			tunnel = ipsec.Tunnel(w)
		}
		return join(ctx, faults, tunnel, *opened, stderr)
	default:
		return fmt.Errorf("no verb %q\n\n%s", verb, usage)
	}
}

// join puts the link between the clusters until ctx ends.
func join(ctx context.Context, faults wan.Faults, tunnel *wan.Tunnel, opened bool, out io.Writer) error {
	link, err := wan.Start(ctx, tunnel)
	if err != nil {
		return err
	}
	for _, c := range world.Clusters() {
		link.Go(c, faults)
		if opened {
			err = errors.Join(err, link.Open(ctx, c, wan.All))
		}
	}
	if err == nil {
		fmt.Fprintln(out, "the clusters are joined by the link until this is interrupted")
		<-ctx.Done()
	}
	for _, c := range world.Clusters() {
		through, lost := link.Carried(c)
		fmt.Fprintf(out, "from %s: %d packets came through, %d were lost\n", c.Name, through, lost)
	}
	return errors.Join(err, link.Close(ctx))
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
