package cluster

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os/exec"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"cutover.dev/cutover/lab/cache"
	"cutover.dev/cutover/lab/ready"
	"cutover.dev/cutover/lab/world"
)

func (c *Cluster) startContainerd(ctx context.Context) error {
	if err := c.Daemon(ctx, "containerd", "containerd", "--config="+c.Path("containerd.toml"), "--log-level=warn"); err != nil {
		return err
	}
	err := c.Until(ctx, "containerd", "containerd answers", 30*time.Second, func(ctx context.Context) error {
		return c.ctr(ctx, "version")
	})
	if err != nil {
		return err
	}
	// Without the pause image kubelet would look for it on the network.
	for _, image := range c.Images {
		if image.Name == cache.PauseImage {
			return c.importImage(ctx, image)
		}
	}
	return fmt.Errorf("no image %s", cache.PauseImage)
}

// importImages imports the rest, while the control plane starts.
func (c *Cluster) importImages(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, image := range c.Images {
		if image.Name != cache.PauseImage {
			group.Go(func() error { return c.importImage(ctx, image) })
		}
	}
	if err := group.Wait(); err != nil {
		return err
	}
	c.Report.Done("%s: %d images are imported", c.Name, len(c.Images))
	return nil
}

func (c *Cluster) importImage(ctx context.Context, image cache.Image) error {
	if err := c.ctr(ctx, "--namespace=k8s.io", "images", "import", image.Archive); err != nil {
		return fmt.Errorf("import %s: %w", image.Name, err)
	}
	return nil
}

func (c *Cluster) ctr(ctx context.Context, args ...string) error {
	cmd := exec.CommandContext(ctx, "ctr", append([]string{"--address=" + c.Path("ctr.sock")}, args...)...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, bytes.TrimSpace(out))
	}
	return nil
}

// startNode starts kubelet, kube-proxy and metrics-server and waits until pods can be started
// and Services answer.
func (c *Cluster) startNode(ctx context.Context) error {
	err := c.Daemon(ctx, "kubelet", "kubelet", "--config="+c.Path("kubelet.yaml"), "--kubeconfig="+c.Path(userKubelet+".kubeconfig"),
		"--root-dir="+c.Path("kubelet"), "--hostname-override="+c.NodeName(), "--node-ip="+c.Node)
	if err != nil {
		return err
	}
	if err := c.Daemon(ctx, "proxy", "kube-proxy", "--config="+c.Path("proxy.yaml")); err != nil {
		return err
	}
	if err := c.applyBase(ctx); err != nil {
		return err
	}
	if err := c.startMetrics(ctx); err != nil {
		return err
	}
	err = c.Daemon(ctx, "names", "nameserver", "-listen="+c.Node+":53", "-kubeconfig="+c.World.Kubeconfig(c.Cluster, world.UserAdmin))
	if err != nil {
		return err
	}
	for _, n := range world.Namespaces() {
		err := c.Until(ctx, "controllers", "default ServiceAccount in "+n, 30*time.Second, func(ctx context.Context) error {
			_, err := c.Client.Kube.CoreV1().ServiceAccounts(n).Get(ctx, "default", metav1.GetOptions{})
			return err
		})
		if err != nil {
			return err
		}
	}
	if err := c.Until(ctx, "kubelet", "node ready", time.Minute, c.NodeReady); err != nil {
		return err
	}
	c.Report.Done("%s: node is ready", c.Name)
	err = c.Until(ctx, "proxy", "Service default/kubernetes answers", 30*time.Second, ready.InARow(5, c.ServicesAnswer))
	if err != nil {
		return err
	}
	c.Report.Done("%s: Services answer", c.Name)
	return c.Until(ctx, "metrics", "metrics are served", time.Minute, c.MetricsReady)
}

// NodeReady says whether the node reports that it can run pods.
func (c *Cluster) NodeReady(ctx context.Context) error {
	node, err := c.Client.Kube.CoreV1().Nodes().Get(ctx, c.NodeName(), metav1.GetOptions{})
	if err != nil {
		return err
	}
	for _, condition := range node.Status.Conditions {
		if condition.Type == corev1.NodeReady {
			if condition.Status == corev1.ConditionTrue {
				return nil
			}
			return fmt.Errorf("node %s is not ready: %s", node.Name, condition.Message)
		}
	}
	return fmt.Errorf("node %s has not said yet whether it is ready", node.Name)
}

// ServicesAnswer connects to the address of the Service default/kubernetes, which only
// kube-proxy's rules on the node can bring anywhere.
func (c *Cluster) ServicesAnswer(ctx context.Context) error {
	conn, err := (&net.Dialer{Timeout: time.Second}).DialContext(ctx, "tcp", c.ServiceIP()+":443")
	if err != nil {
		return err
	}
	return conn.Close()
}
