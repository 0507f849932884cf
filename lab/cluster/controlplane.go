package cluster

import (
	"context"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"cutover.dev/cutover/lab/objects"
	"cutover.dev/cutover/lab/world"
)

// aggregatorName is who the API server says it is towards aggregated API servers.
const aggregatorName = "lab-aggregator"

// startControlPlane starts etcd, plants the kube-system namespace, then starts the API server
// and what depends on it.
func (c *Cluster) startControlPlane(ctx context.Context) error {
	if err := c.startEtcd(ctx); err != nil {
		return err
	}
	if err := c.plant(ctx); err != nil {
		return err
	}
	c.Report.Done("%s: etcd answers", c.Name)
	if err := c.Daemon(ctx, "apiserver", "kube-apiserver", c.apiserverFlags()...); err != nil {
		return err
	}
	client, err := objects.Connect(c.World.Kubeconfig(c.Cluster, world.UserAdmin))
	if err != nil {
		return err
	}
	c.Client = client
	if err := c.Until(ctx, "apiserver", "API server ready", time.Minute, c.APIReady); err != nil {
		return err
	}
	if err := c.checkUID(ctx); err != nil {
		return err
	}
	c.Report.Done("%s: API server is ready", c.Name)
	return c.startControllers(ctx)
}

func (c *Cluster) startEtcd(ctx context.Context) error {
	client, peer := "http://"+c.Node+":2379", "http://127.0.0.1:2380"
	err := c.Daemon(ctx, "etcd", "etcd", "--data-dir="+c.Path("etcd"),
		"--listen-client-urls="+client, "--advertise-client-urls="+client,
		"--listen-peer-urls="+peer, "--initial-advertise-peer-urls="+peer, "--initial-cluster=default="+peer,
		"--unsafe-no-fsync=true", "--log-level=warn") // a lab's data need not survive the machine
	if err != nil {
		return err
	}
	return c.Until(ctx, "etcd", "etcd healthy", 30*time.Second, func(ctx context.Context) error {
		return get(ctx, client+"/health")
	})
}

func (c *Cluster) apiserverFlags() []string {
	certs := func(name string) string { return c.Path("certs", name) }
	return []string{
		"--etcd-servers=http://" + c.Node + ":2379",
		"--advertise-address=" + c.Node, "--bind-address=" + c.Node, "--secure-port=6443",
		"--service-cluster-ip-range=" + c.ServiceRange(), "--cert-dir=" + c.Path("certs"),
		"--tls-cert-file=" + certs("apiserver.crt"), "--tls-private-key-file=" + certs("apiserver.key"),
		"--token-auth-file=" + certs("tokens.csv"), "--authorization-mode=Node,RBAC",
		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-key-file=" + certs("accounts.key"), "--service-account-signing-key-file=" + certs("accounts.key"),
		"--client-ca-file=" + c.World.CA(), // nobody has such a certificate; without it controllers complain
		"--requestheader-client-ca-file=" + c.World.CA(), "--requestheader-allowed-names=" + aggregatorName,
		"--requestheader-username-headers=X-Remote-User", "--requestheader-group-headers=X-Remote-Group",
		"--requestheader-extra-headers-prefix=X-Remote-Extra-",
		"--proxy-client-cert-file=" + certs("aggregator.crt"), "--proxy-client-key-file=" + certs("aggregator.key"),
		"--enable-aggregator-routing=true", "--kubelet-preferred-address-types=InternalIP",
		"--audit-policy-file=" + c.Path("audit.yaml"), "--audit-log-path=" + c.World.Audit(c.Cluster), "--audit-log-mode=batch",
		"--audit-log-batch-max-wait=2s", // who compares rights with it at the end waits for that
		"--allow-privileged=true", "--enable-priority-and-fairness=false", "--profiling=false",
	}
}

// startControllers starts the controller manager and the scheduler; both want an API server
// that is ready. The autoscaler's clocks are set so that a demo of minutes sees it act.
func (c *Cluster) startControllers(ctx context.Context) error {
	admin := c.World.Kubeconfig(c.Cluster, world.UserAdmin)
	common := []string{
		"--kubeconfig=" + admin, "--authentication-kubeconfig=" + admin, "--authorization-kubeconfig=" + admin,
		"--leader-elect=false", "--bind-address=127.0.0.1", "--profiling=false",
	}
	err := c.Daemon(ctx, "controllers", "kube-controller-manager", append(common,
		"--service-account-private-key-file="+c.Path("certs", "accounts.key"), "--root-ca-file="+c.World.CA(),
		"--use-service-account-credentials=false", "--kube-api-qps=200", "--kube-api-burst=400",
		// Tests take an API server away for half a minute. When it is back, a node that nobody could hear from would be taken for
		// lost, and with it every endpoint there.
		"--node-monitor-grace-period=5m",
		"--flex-volume-plugin-dir="+c.Path("volume-plugins"), "--allocate-node-cidrs=true", "--cluster-cidr="+c.PodRange(),
		"--horizontal-pod-autoscaler-sync-period=5s", "--horizontal-pod-autoscaler-cpu-initialization-period=10s",
		"--horizontal-pod-autoscaler-initial-readiness-delay=2s",
		"--horizontal-pod-autoscaler-downscale-stabilization=60s")...)
	if err != nil {
		return err
	}
	return c.Daemon(ctx, "scheduler", "kube-scheduler", common...)
}

// APIReady asks the API server whether it is ready.
func (c *Cluster) APIReady(ctx context.Context) error {
	return c.Client.Kube.Discovery().RESTClient().Get().AbsPath("/readyz").Do(ctx).Error()
}

// checkUID makes sure that the cluster has the identity that plans name.
func (c *Cluster) checkUID(ctx context.Context) error {
	system, err := c.Client.Kube.CoreV1().Namespaces().Get(ctx, metav1.NamespaceSystem, metav1.GetOptions{})
	if err != nil {
		return fmt.Errorf("read the identity of the cluster: %w", err)
	}
	if string(system.UID) != c.UID {
		return fmt.Errorf("namespace kube-system has uid %s instead of the planted %s", system.UID, c.UID)
	}
	return nil
}
