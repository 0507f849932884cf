package world

import (
	"context"
	"os/exec"
	"path/filepath"
)

// NetFile is the file that stands for a network namespace of the lab.
func NetFile(net string) string { return filepath.Join("/run/netns", net) }

// MountFile is the file that stands for a cluster's mount namespace.
func (w World) MountFile(c Cluster) string { return filepath.Join(w.Run, "mnt", c.Name) }

// Command runs a program inside one of the lab's network namespaces (NetClient, Old.Net() …);
// the empty name is the machine's own network, which also has routes to everything in the lab.
// It is nsenter, not ip netns exec, because the latter remounts /sys. Needs root.
func Command(ctx context.Context, net, program string, args ...string) *exec.Cmd {
	if net == "" {
		return exec.CommandContext(ctx, program, args...)
	}
	return exec.CommandContext(ctx, "nsenter", append([]string{"--net=" + NetFile(net), program}, args...)...)
}

// Environment is what a process needs to drive the lab: variable to value.
func (w World) Environment() map[string]string { return w.EnvironmentOf(UserRun) }

// EnvironmentOf is Environment for the tool as UserRun or UserPlan.
func (w World) EnvironmentOf(user string) map[string]string {
	mongo := MongoRun
	if user == UserPlan {
		mongo = MongoPlan
	}
	return map[string]string{
		"CUTOVER_OLD_KUBECONFIG": w.Kubeconfig(Old, user),
		"CUTOVER_NEW_KUBECONFIG": w.Kubeconfig(New, user),
		"CUTOVER_MONGODB_URI":    mongo.URI(Old.MongodHosts()...),
		"SSL_CERT_FILE":          w.CA(),
	}
}
