// Command release is what .github/workflows/release.yml does besides calling other programs: it refuses a release whose ground
// is not named by digest, builds the binaries with their checksums, and writes the digest of the image into action.yml. It
// changes files below the folder it is started in, and asks nothing of the network.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

const usage = `usage: go run ./release check VERSION            say what a release of this checkout lacks
       go run ./release binaries VERSION FOLDER  build the binaries and SHA256SUMS
       go run ./release action IMAGE@DIGEST      name that image in action.yml`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, ".", os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		stop()
		os.Exit(1)
	}
}

func run(ctx context.Context, root string, args []string) error {
	switch {
	case len(args) == 2 && args[0] == "check":
		return check(ctx, root, args[1])
	case len(args) == 3 && args[0] == "binaries":
		return binaries(ctx, root, args[1], args[2], platforms)
	case len(args) == 2 && args[0] == "action":
		return action(root, args[1])
	}
	return errors.New(usage)
}
