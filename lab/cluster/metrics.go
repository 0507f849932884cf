package cluster

import (
	"context"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"cutover.dev/cutover/lab/objects"
	"cutover.dev/cutover/lab/world"
)

// metricsPort is where metrics-server listens on the node's address.
const metricsPort = 4443

// applyBase gives the cluster what an administrator has set up in it.
func (c *Cluster) applyBase(ctx context.Context) error {
	var list []*unstructured.Unstructured
	for _, name := range world.Namespaces() {
		list = append(list, &unstructured.Unstructured{Object: map[string]any{
			"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": name},
		}})
	}
	metrics := fmt.Sprintf(metricsManifest, metricsPort, c.Node)
	for _, text := range [][]byte{baseManifest, []byte(metrics)} {
		more, err := objects.Parse(text)
		if err != nil {
			return fmt.Errorf("read the lab's own manifests: %w", err)
		}
		list = append(list, more...)
	}
	if err := c.Client.Apply(ctx, list...); err != nil {
		return err
	}
	if err := c.admitTool(ctx); err != nil {
		return err
	}
	c.Report.Done("%s: namespaces and rights are there", c.Name)
	return nil
}

// startMetrics starts metrics-server as a process of the node. Ten seconds is the shortest
// resolution it accepts; kubelet's certificate is one it made itself.
func (c *Cluster) startMetrics(ctx context.Context) error {
	admin := c.World.Kubeconfig(c.Cluster, world.UserAdmin)
	return c.Daemon(ctx, "metrics", "metrics-server",
		"--kubeconfig="+admin, "--authentication-kubeconfig="+admin, "--authorization-kubeconfig="+admin,
		"--bind-address="+c.Node, fmt.Sprintf("--secure-port=%d", metricsPort), "--cert-dir="+c.Path("metrics"),
		"--kubelet-insecure-tls", "--kubelet-preferred-address-types=InternalIP", "--metric-resolution=10s",
		"--kubelet-request-timeout=8s")
}

// MetricsReady asks for the metrics of the node by way of the API server, as an autoscaler
// does. A node younger than a minute may have none yet: the first come after two samples.
func (c *Cluster) MetricsReady(ctx context.Context) error {
	node, err := c.Client.Kube.CoreV1().Nodes().Get(ctx, c.NodeName(), metav1.GetOptions{})
	if err != nil {
		return err
	}
	path := "/apis/metrics.k8s.io/v1beta1/nodes/" + c.NodeName()
	err = c.Client.Kube.Discovery().RESTClient().Get().AbsPath(path).Do(ctx).Error()
	if apierrors.IsNotFound(err) && time.Since(node.CreationTimestamp.Time) < time.Minute {
		return nil
	}
	return err
}

const metricsManifest = `apiVersion: v1
kind: Service
metadata: {name: metrics-server, namespace: kube-system}
spec: {ports: [{name: https, port: 443, targetPort: %[1]d}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata:
  name: metrics-server-lab
  namespace: kube-system
  labels: {kubernetes.io/service-name: metrics-server, endpointslice.kubernetes.io/managed-by: lab}
addressType: IPv4
ports: [{name: https, protocol: TCP, port: %[1]d}]
endpoints: [{addresses: [%[2]q], conditions: {ready: true}}]
---
apiVersion: apiregistration.k8s.io/v1
kind: APIService
metadata: {name: v1beta1.metrics.k8s.io}
spec:
  group: metrics.k8s.io
  version: v1beta1
  groupPriorityMinimum: 100
  versionPriority: 100
  insecureSkipTLSVerify: true
  service: {namespace: kube-system, name: metrics-server, port: 443}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: system:aggregated-metrics-reader
  labels: {rbac.authorization.k8s.io/aggregate-to-view: "true", rbac.authorization.k8s.io/aggregate-to-edit: "true"}
rules: [{apiGroups: [metrics.k8s.io], resources: [pods, nodes], verbs: [get, list, watch]}]
`
