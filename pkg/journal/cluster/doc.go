// Package cluster keeps the journal, the frozen inventory and the lock of a plan in one of the two clusters: ConfigMaps
// and a Lease in the state namespace, nothing else, so that no database and no controller is needed.
//
// The journal is a row of ConfigMaps cutover-<plan>-journal-<n>. Each holds a chain of gzip members, one per appended
// batch: appending compresses only what is new. Only the last segment is ever written, by compare-and-swap on its
// resourceVersion; once it is sealed it never changes again, and the next one is created. A segment is sealed at 64 KiB:
// each append sends the whole last segment and leaves an old revision of it in etcd, so small segments are what keeps a
// long journal from filling etcd (10,000 single entries: some 0.4 GB of revisions at 900 KiB each would be ten times
// that). A batch that does not fit into one ConfigMap is cut into parts, and counts only when all are there.
//
// The lock is a Lease. Nobody's clock is compared with anybody else's, except that a lease last renewed very long ago
// is free at once. See Lease.
//
// The package must not know what entries mean.
package cluster
