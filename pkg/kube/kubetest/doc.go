// Package kubetest starts a real API server (etcd and kube-apiserver, nothing else) on loopback ports for tests.
//
// There are no controllers, no scheduler and no kubelet: a Deployment makes no Pods, a deleted namespace stays, a
// Service gets a cluster IP but no EndpointSlice. What is real is what a fake client lacks: validation, defaults,
// admission, RBAC, resourceVersions, server-side apply and its conflicts, watches.
//
// To start one takes an idle processor five seconds. So the tests of a package share one and keep apart by namespaces
// (Shared), or, where they need the names that they use, lend each other theirs (Lend).
//
// Where a whole phase is to come to its end, Server.Cluster adds what it waits for: a stand-in for the controllers that
// say "ready", one for the ingress, and a count of all that was written.
//
// The programs are one multi-call binary, which the lab builds. It is looked for in CUTOVER_HYPERKUBE and then in the
// lab's cache. Without it the test is skipped, or fails if CUTOVER_REQUIRE_APISERVER=1. Nothing here needs root.
package kubetest
