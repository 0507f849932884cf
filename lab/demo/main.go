// Command demo is `make demo`: it brings the lab up, puts clients on it, lets the built tool move everything phase by
// phase as CI jobs would, and judges what became of requests, writes, names, link and rights. The lab goes down again, but for -keep.
package main

import (
	"context"
	"flag"

	"cutover.dev/cutover/lab/rehearse"
)

func main() {
	var s settings
	flag.IntVar(&s.Rate, "rate", 105, "requests a second of all clients together")
	flag.IntVar(&s.Least, "least", 15000, "requests that have to be sent")
	flag.StringVar(&s.Plan, "plan", "plans/demo.yaml", "the plan, relative to the repository")
	flag.StringVar(&s.Out, "out", "out/demo", "folder of the report, relative to the repository")
	flag.BoolVar(&s.Keep, "keep", false, "leave the lab up at the end")
	flag.BoolVar(&s.Up, "up", true, "bring the lab up; false: it is up already")
	flag.BoolVar(&s.Names, "names", true, "move names by DNS: clients go where their resolvers say, and old's entry counts who does not follow; false: the demo moves its clients itself")
	flag.BoolVar(&s.Link, "link", true, "join the clusters by an IPsec tunnel behind firewalls that are closed, open what the phase link names, and go on over it, from a runner that reaches two API servers and nothing else; false: all are on one network")
	rehearse.Main("demo", func(ctx context.Context) error { return run(ctx, s) })
}
