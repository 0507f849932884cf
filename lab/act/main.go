// Command act is `make act`: it runs the repository's own workflow in real containers against the lab, one phase per job,
// while clients use the lab. It judges by what a user of the workflow sees: jobs, outputs, summaries, logs, and by the
// clients' ledger. It changes the clusters only through the workflow, and always takes the lab down again. With -workflows it is
// GitHub for the workflows that users copy: it starts them as events, dispatches and merges want it, beside a double of the API.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"cutover.dev/cutover/lab/rehearse"
)

func main() {
	if filepath.Base(os.Args[0]) == "gh" {
		if err := gh(os.Args[1:]); err != nil {
			fmt.Fprintln(os.Stderr, "gh:", err)
			os.Exit(1)
		}
		return
	}
	var s settings
	flag.IntVar(&s.Rate, "rate", 60, "requests a second of all clients together")
	flag.StringVar(&s.Out, "out", "out/act", "folder of the logs and the report, relative to the repository")
	flag.BoolVar(&s.Workflows, "workflows", false, "run plan.yml, migrate.yml and rollback.yml with a double of GitHub's API (25 minutes)")
	flag.StringVar(&s.Until, "until", "", "with -workflows: end after this `phase`, without a rollback")
	rehearse.Main("act", func(ctx context.Context) error { return run(ctx, s) })
}
