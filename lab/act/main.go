// Command act is `make act`: it runs the repository's own workflow in real containers against the lab, one phase per job,
// while clients use the lab. It judges by what a user of the workflow sees: jobs, outputs, summaries, logs, and by the
// clients' ledger. It changes the clusters only through the workflow, and always takes the lab down again.
package main

import (
	"context"
	"flag"

	"cutover.dev/cutover/lab/rehearse"
)

func main() {
	var s settings
	flag.IntVar(&s.Rate, "rate", 60, "requests a second of all clients together")
	flag.StringVar(&s.Out, "out", "out/act", "folder of the logs and the report, relative to the repository")
	rehearse.Main("act", func(ctx context.Context) error { return run(ctx, s) })
}
