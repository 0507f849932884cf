package rehearse

import (
	"context"
	"io"
	"slices"

	"cutover.dev/cutover/lab/world"
	"cutover.dev/cutover/lab/writes"
)

// Application starts the clients of the lab's replica set. Their URI has the members of both clusters, as one should before the
// old ones go; those that are no members yet are passed over.
func Application(ctx context.Context, ledger io.Writer) (*writes.Writes, error) {
	hosts := slices.Concat(world.Old.MongodHosts(), world.New.MongodHosts())
	return writes.Start(ctx, writes.Options{URI: world.MongoApp.URI(hosts...), Database: world.MongoApp.Name, Hosts: hosts, Ledger: ledger})
}
