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
	return Writers(ctx, writes.Options{Ledger: ledger})
}

// Writers are such clients with other options. Who they are and where they write is filled in.
func Writers(ctx context.Context, o writes.Options) (*writes.Writes, error) {
	hosts := slices.Concat(world.Old.MongodHosts(), world.New.MongodHosts())
	o.URI, o.Database, o.Hosts = world.MongoApp.URI(hosts...), world.MongoApp.Name, hosts
	return writes.Start(ctx, o)
}
