package entry

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"cutover.dev/cutover/lab/cache"
	"cutover.dev/cutover/lab/cluster"
	"cutover.dev/cutover/lab/objects"
	"cutover.dev/cutover/lab/ready"
	"cutover.dev/cutover/lab/world"
)

// Ports of Contour and of the Envoy that it feeds, on the loopback of old's network.
const (
	xdsPort    = "8001"
	healthPort = "8002"
)

// OldSteps is how many steps StartOld reports.
const OldSteps = 2

// StartOld starts Contour and Envoy as the public entry of old.
func StartOld(ctx context.Context, c *cluster.Cluster) error {
	if err := contourObjects(ctx, c); err != nil {
		return fmt.Errorf("set up Contour: %w", err)
	}
	config := c.Path("contour.yaml")
	if err := os.WriteFile(config, []byte("disablePermitInsecure: false\naccesslog-format: envoy\n"), 0o644); err != nil {
		return fmt.Errorf("set up Contour: %w", err)
	}
	err := c.Daemon(ctx, "contour", "contour", "serve",
		"--kubeconfig="+c.World.Kubeconfig(c.Cluster, world.UserContour), "--insecure", "--disable-leader-election",
		"--config-path="+config, "--ingress-class-name="+world.IngressClass, "--ingress-status-address="+c.Entry,
		"--xds-address=127.0.0.1", "--xds-port="+xdsPort, "--health-address=127.0.0.1", "--health-port="+healthPort,
		"--http-address=127.0.0.1", "--http-port=8000", "--debug-http-address=127.0.0.1", "--debug-http-port=6060",
		"--stats-address="+c.Entry, "--stats-port="+strconv.Itoa(world.CountersPort),
		"--envoy-service-http-address="+c.Entry, "--envoy-service-http-port=80", "--envoy-http-access-log=/dev/null",
		"--envoy-service-https-address="+c.Entry, "--envoy-service-https-port=443", "--envoy-https-access-log=/dev/null")
	if err != nil {
		return err
	}
	if err := startEnvoy(ctx, c); err != nil {
		return err
	}
	if err := c.Until(ctx, "contour", "Contour healthy", 40*time.Second, ContourReady); err != nil {
		return err
	}
	c.Report.Done("%s: Contour is healthy", c.Name)
	if err := c.Until(ctx, "envoy", "Envoy ready", 40*time.Second, EnvoyReady); err != nil {
		return err
	}
	c.Report.Done("%s: Envoy serves %s", c.Name, c.Entry)
	return nil
}

// contourObjects applies Contour's own definitions and gives its user the rights it asks for.
func contourObjects(ctx context.Context, c *cluster.Cluster) error {
	folder := filepath.Join(c.World.Cache, cache.ContourFolder)
	definitions, err := os.ReadFile(filepath.Join(folder, cache.ContourCRDs))
	if err != nil {
		return err
	}
	role, err := os.ReadFile(filepath.Join(folder, cache.ContourRole))
	if err != nil {
		return err
	}
	for _, text := range [][]byte{definitions, []byte(contourManifest), role} {
		list, err := objects.Parse(text)
		if err != nil {
			return err
		}
		if err := c.Client.Apply(ctx, list...); err != nil {
			return err
		}
	}
	return c.Until(ctx, "apiserver", "Contour's kinds served", 20*time.Second, func(ctx context.Context) error {
		return c.Client.Kube.Discovery().RESTClient().Get().AbsPath("/apis/projectcontour.io/v1/httpproxies").Do(ctx).Error()
	})
}

const contourManifest = `apiVersion: v1
kind: Namespace
metadata: {name: projectcontour}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: lab-contour}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: contour}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: contour}]
`

func startEnvoy(ctx context.Context, c *cluster.Cluster) error {
	folder := c.Path("envoy")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return fmt.Errorf("set up Envoy: %w", err)
	}
	bootstrap := filepath.Join(folder, "envoy.json")
	cmd := exec.CommandContext(ctx, c.World.Tool("contour"), "bootstrap", bootstrap, "--xds-address=127.0.0.1",
		"--xds-port="+xdsPort, "--xds-resource-version=v3", "--admin-address="+filepath.Join(folder, "admin.sock"))
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("set up Envoy: %w: %s", err, bytes.TrimSpace(out))
	}
	// Nobody restarts it while it serves, and what it would keep for that in /dev/shm stays there when it is killed.
	return c.Daemon(ctx, "envoy", "envoy", "--config-path", bootstrap, "--service-cluster", "lab",
		"--service-node", "envoy-"+c.Name, "--concurrency", "2", "--log-level", "error", "--disable-hot-restart")
}

// ContourReady asks Contour for its health; it listens only inside old's network.
func ContourReady(ctx context.Context) error {
	return inside(ctx, world.Old, "http://127.0.0.1:"+healthPort+"/healthz")
}

// EnvoyReady asks Envoy whether it has its configuration.
func EnvoyReady(ctx context.Context) error {
	return get(ctx, fmt.Sprintf("http://%s:%d/ready", world.Old.Entry, world.CountersPort))
}

// get succeeds on status 200.
func get(ctx context.Context, url string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	return ready.Answers(ready.Direct, request)
}

// inside asks from within a cluster's network.
func inside(ctx context.Context, c world.Cluster, url string) error {
	client := &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			return world.Dial(ctx, c.Net(), network, address)
		},
	}}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	return ready.Answers(client, request)
}
