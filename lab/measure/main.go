// Command measure is the part of `make bench` that needs two real clusters or a container: what the way through proxy and
// bridge, and the tail, add to a request; how large the image is and how soon it speaks; what of a wave's time is the
// tool's own; for how long nobody can write while the primary moves; and what it costs to dial by a relay. It drives the
// built binary through the phases on a fresh lab (and, for the relay, a benchmark of the product), takes the lab down again,
// and adds its figures to out/bench/report.json. It judges nothing but that what was measured is what was meant.
package main

import (
	"context"
	"flag"

	"cutover.dev/cutover/lab/rehearse"
)

func main() {
	var s settings
	flag.IntVar(&s.Rounds, "rounds", 40, "how often every way is asked in turn")
	flag.IntVar(&s.Starts, "starts", 10, "how often each container is started")
	flag.StringVar(&s.Only, "only", "", "image, lab, or of the lab gap or relay: only that")
	flag.StringVar(&s.Out, "out", "out/bench", "folder of the report, relative to the repository")
	rehearse.Main("measure", func(ctx context.Context) error { return run(ctx, s) })
}
