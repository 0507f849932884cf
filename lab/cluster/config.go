package cluster

import (
	"bytes"
	_ "embed"
	"fmt"
	"os"
	"text/template"

	"cutover.dev/cutover/lab/cache"
	"cutover.dev/cutover/lab/world"
)

// writeConfigs writes the configuration files of the daemons.
func (c *Cluster) writeConfigs() error {
	for _, f := range []struct{ file, text string }{
		{"containerd.toml", containerdConfig},
		{"cni/10-lab.conflist", cniConfig},
		{"kubelet.yaml", kubeletConfig},
		{"proxy.yaml", proxyConfig},
		{"audit.yaml", auditPolicy},
	} {
		data, err := c.render(f.file, f.text)
		if err != nil {
			return err
		}
		if err := os.WriteFile(c.Path(f.file), data, 0o644); err != nil {
			return err
		}
	}
	return nil
}

func (c *Cluster) render(name, text string) ([]byte, error) {
	t, err := template.New(name).Option("missingkey=error").Parse(text)
	if err != nil {
		return nil, fmt.Errorf("read the template of %s: %w", name, err)
	}
	var out bytes.Buffer
	err = t.Execute(&out, map[string]any{
		"Dir": c.dir, "Node": c.Node, "NodeName": c.NodeName(), "PodRange": c.PodRange(),
		"PodNet": fmt.Sprintf("10.%d.0.0/24", c.Block), "Pause": cache.PauseImage,
		"Admin": c.Path("kubeconfig"), "Run": world.Account(world.UserRun), "Plan": world.Account(world.UserPlan),
	})
	if err != nil {
		return nil, fmt.Errorf("write %s: %w", name, err)
	}
	return out.Bytes(), nil
}

// restrict_oom_score_adj: without CAP_SYS_RESOURCE nobody may lower that score. The paths keep
// two containerds apart that know nothing of each other.
const containerdConfig = `version = 2
root = "{{.Dir}}/ctr"
state = "{{.Dir}}/state"
[grpc]
  address = "{{.Dir}}/ctr.sock"
[ttrpc]
  address = "{{.Dir}}/ctr.ttrpc.sock"
[plugins."io.containerd.internal.v1.opt"]
  path = "{{.Dir}}/opt"
[plugins."io.containerd.grpc.v1.cri"]
  restrict_oom_score_adj = true
  sandbox_image = "{{.Pause}}"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "{{.Dir}}/cni"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        Root = "{{.Dir}}/runc"
`

const cniConfig = `{
  "cniVersion": "0.4.0",
  "name": "lab",
  "plugins": [{
    "type": "bridge", "bridge": "cni0", "isGateway": true, "ipMasq": false, "hairpinMode": true,
    "ipam": {
      "type": "host-local", "dataDir": "{{.Dir}}/ipam",
      "ranges": [[{"subnet": "{{.PodNet}}"}]], "routes": [{"dst": "0.0.0.0/0"}]
    }
  }]
}
`

// failCgroupV1: the lab runs where the kernel is configured the old way, too. Nothing may be
// evicted or collected because the machine's disk happens to be full of something else.
const kubeletConfig = `apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
authentication: {anonymous: {enabled: true}, webhook: {enabled: false}}
authorization: {mode: AlwaysAllow}
address: {{.Node}}
cgroupDriver: cgroupfs
cgroupRoot: /
cgroupsPerQOS: false
enforceNodeAllocatable: []
failCgroupV1: false
containerRuntimeEndpoint: unix://{{.Dir}}/ctr.sock
podLogsDir: {{.Dir}}/pods
volumePluginDir: {{.Dir}}/volume-plugins
failSwapOn: false
registerNode: true
resolvConf: ""
clusterDomain: cluster.local
clusterDNS: ["{{.Node}}"]
serializeImagePulls: false
imageGCHighThresholdPercent: 100
evictionHard: {memory.available: 1Mi, nodefs.available: 1%, imagefs.available: 1%}
kubeAPIQPS: 100
kubeAPIBurst: 200
eventRecordQPS: 0
`

// minSyncPeriod is 1 s by default: a Service would refuse connections that long after its
// first endpoint is ready. In a network namespace conntrack's settings belong to the machine.
const proxyConfig = `apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
mode: nftables
clientConnection: {kubeconfig: {{.Admin}}}
clusterCIDR: {{.PodRange}}
hostnameOverride: {{.NodeName}}
healthzBindAddress: 127.0.0.1:10256
metricsBindAddress: 127.0.0.1:10249
conntrack: {maxPerCore: 0, min: 0, tcpEstablishedTimeout: 0s, tcpCloseWaitTimeout: 0s}
nftables: {minSyncPeriod: 100ms, syncPeriod: 30s}
`

// The audit log answers one question: what did the tool ask for?
const auditPolicy = `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: Metadata
  users: ["{{.Run}}", "{{.Plan}}"]
- level: None
`

//go:embed manifests/base.yaml
var baseManifest []byte
