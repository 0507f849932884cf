package world

import (
	"fmt"
	"strings"
)

// Cluster is one of the two environments of the lab.
type Cluster struct {
	// Name is "old" or "new".
	Name string
	// UID of the kube-system namespace, the same in every run so that plans can be committed.
	UID string
	// Node is the address of the only node and of the API server.
	Node string
	// Block is N in the networks 10.N.0.0/17 (pods) and 10.N.128.0/17 (Services).
	Block int
	// Entry is the address of the public ingress controller, ports 80 and 443.
	Entry string
	// Inner is the address of the internal plain entry, port InnerPort: the bridge in old
	// (which the tool applies, not the lab), the tail's entry in new.
	Inner string
	// Marker is the value of X-Cutover-Via that the internal entry adds.
	Marker string
	// Mongods are the addresses of the database programs, port MongodPort.
	Mongods [3]string
}

// The two clusters.
var (
	Old = Cluster{
		Name: "old", UID: "0b7f6c1e-6a0f-4a53-a9ad-3b0a5d2d7f10", Node: "172.30.0.11", Block: 61,
		Entry: "172.30.0.21", Inner: "172.30.0.22", Marker: "4f9c2a7e",
		Mongods: [3]string{"172.30.0.61", "172.30.0.62", "172.30.0.63"},
	}
	New = Cluster{
		Name: "new", UID: "5b1c2a90-7c2e-4b0b-8f5e-d2f7c1f0a911", Node: "172.30.0.12", Block: 62,
		Entry: "172.30.0.31", Inner: "172.30.0.32", Marker: "9b3e6d10",
		Mongods: [3]string{"172.30.0.71", "172.30.0.72", "172.30.0.73"},
	}
)

// Clusters are both, old first.
func Clusters() []Cluster { return []Cluster{Old, New} }

// Fixed numbers and names of the lab.
const (
	InnerPort     = 8080
	MetricsPort   = 9100 // of the bridge
	CountersPort  = 8003 // of old's entry, at its address: Envoy's statistics
	IngressClass  = "main"
	SystemSpace   = "cutover-system"
	RootAddress   = "172.30.0.1"  // this machine, as the clusters see it
	ClientAddress = "172.30.0.50" // the namespace that clients run in
	RunnerAddress = "172.30.0.51" // the namespace of a runner that reaches two API servers and nothing else
	Network       = "172.30.0.0/24"
)

// Namespaces that the lab makes in both clusters: the two with workloads, and the tool's own.
func Namespaces() []string { return []string{"shop", "blog", SystemSpace} }

// Network namespaces of the lab, as ip netns lists them.
const (
	NetPrefix = "cutlab-"
	NetWAN    = NetPrefix + "wan"
	NetClient = NetPrefix + "client"
	NetRunner = NetPrefix + "runner"
	RootLink  = "cutlab0"
)

// Port is the end, in NetWAN, of the link to a network namespace: a port of the bridge that all of them are on.
func Port(net string) string { return "p-" + strings.TrimPrefix(net, NetPrefix) }

// Net is the network namespace of the cluster's node.
func (c Cluster) Net() string { return NetPrefix + c.Name }

// API is the URL of the API server.
func (c Cluster) API() string { return fmt.Sprintf("https://%s:6443", c.Node) }

// NodeName is the name of the only Node object.
func (c Cluster) NodeName() string { return "node-" + c.Name }

// PodRange is what the pods' addresses are taken from; the node gets the first /24 of it.
func (c Cluster) PodRange() string { return fmt.Sprintf("10.%d.0.0/17", c.Block) }

// ServiceRange is what the Services' addresses are taken from.
func (c Cluster) ServiceRange() string { return fmt.Sprintf("10.%d.128.0/17", c.Block) }

// ServiceIP is the address of the Service default/kubernetes.
func (c Cluster) ServiceIP() string { return fmt.Sprintf("10.%d.128.1", c.Block) }

// Users of the API servers. Each has a token of its own, new in every run. The tool is two ServiceAccounts in SystemSpace,
// as docs/rbac has them for the demo's plan.
const (
	UserAdmin   = "admin"             // system:masters
	UserRun     = "cutover-demo-run"  // the tool, running phases
	UserPlan    = "cutover-demo-plan" // the tool, only planning
	UserMain    = "tr-main"           // Traefik as public entry of new: reads, writes Ingress status
	UserInner   = "tr-bridge"         // Traefik as internal entry: only reads
	UserContour = "contour"           // Contour in old
)

// Account is the name that API servers know a ServiceAccount of the tool by, in audit logs for one.
func Account(user string) string { return "system:serviceaccount:" + SystemSpace + ":" + user }

var kubeconfigNames = map[string]string{
	UserRun:     "cutover.kubeconfig",
	UserPlan:    "cutover-plan.kubeconfig",
	UserMain:    "tr-main.kubeconfig",
	UserInner:   "tr-bridge.kubeconfig",
	UserContour: "contour.kubeconfig",
}
