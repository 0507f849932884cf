package bench

import (
	"context"
	"fmt"
	"testing"

	"golang.org/x/sync/errgroup"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/yaml"

	"cutover.dev/cutover/pkg/kube"
	"cutover.dev/cutover/pkg/kube/kubetest"
)

// bare is a client with nothing around it, and no limit of its own.
func bare(kubeconfig string) (*dynamic.DynamicClient, error) {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return nil, err
	}
	config.QPS = -1
	return dynamic.NewForConfig(config)
}

// world is two clusters that consist of an API server each; old is full.
type world struct {
	scope    scope
	old, new string // kubeconfigs
}

func newWorld(b *testing.B, s scope) *world {
	b.Helper()
	w := &world{scope: s, old: kubetest.Start(b).Kubeconfig, new: kubetest.Start(b).Kubeconfig}
	for _, at := range []string{w.old, w.new} {
		c := client(b, at)
		create(b, c, kube.IngressClass, object(b, `{apiVersion: networking.k8s.io/v1, kind: IngressClass, metadata: {name: main}, spec: {controller: traefik.io/ingress-controller}}`))
		for _, ns := range append(s.namespaces(), "cutover-system") {
			create(b, c, kube.Namespace, object(b, `{apiVersion: v1, kind: Namespace, metadata: {name: %s}}`, ns))
		}
	}
	w.fill(b)
	return w
}

func (w *world) task(job string) task { return task{Job: job, Old: w.old, New: w.new, Scope: w.scope} }

func client(b *testing.B, kubeconfig string) *dynamic.DynamicClient {
	b.Helper()
	c, err := bare(kubeconfig)
	if err != nil {
		b.Fatal(err)
	}
	return c
}

func object(b *testing.B, text string, args ...any) *unstructured.Unstructured {
	b.Helper()
	u := &unstructured.Unstructured{}
	if err := yaml.Unmarshal(fmt.Appendf(nil, text, args...), &u.Object); err != nil {
		b.Fatal(err)
	}
	return u
}

func create(b *testing.B, c *dynamic.DynamicClient, k kube.Kind, u *unstructured.Unstructured) {
	b.Helper()
	if _, err := c.Resource(k.GVR()).Namespace(u.GetNamespace()).Create(b.Context(), u, metav1.CreateOptions{}); err != nil {
		b.Fatal(err)
	}
}

// fill makes what old has: per workload a Deployment, a ConfigMap, a Service and two Pods, per namespace a certificate, and the
// Ingresses.
func (w *world) fill(b *testing.B) {
	b.Helper()
	c, s := client(b, w.old), w.scope
	group, ctx := errgroup.WithContext(b.Context())
	group.SetLimit(atOnce)
	put := func(k kube.Kind, text string, args ...any) {
		u := object(b, text, args...)
		group.Go(func() error {
			_, err := c.Resource(k.GVR()).Namespace(u.GetNamespace()).Create(ctx, u, metav1.CreateOptions{})
			return err
		})
	}
	for i := range s.Namespaces {
		put(kube.Secret, secretText, s.namespace(i))
	}
	for i := range s.Workloads {
		ns, name := s.namespace(i), app(i/s.Namespaces)
		put(kube.ConfigMap, configText, name, ns)
		put(kube.Service, serviceText, name, ns)
		put(kube.Deployment, deploymentText, name, ns)
		for _, pod := range []string{"a", "b"} {
			put(kube.Pod, podText, name, ns, pod)
		}
	}
	for i := range s.Ingresses {
		put(kube.Ingress, ingressText, i, s.namespace(i), s.service(i))
	}
	if err := group.Wait(); err != nil {
		b.Fatal(err)
	}
}

// clear takes out of new what was written into it, and the journals.
func (w *world) clear(b *testing.B) {
	b.Helper()
	for _, at := range []string{w.old, w.new} {
		remove(b, at, kube.ConfigMap, "cutover-system")
	}
	for _, ns := range w.scope.namespaces() {
		remove(b, w.new, kube.Ingress, ns)
		remove(b, w.new, kube.Secret, ns)
	}
}

func remove(b *testing.B, at string, k kube.Kind, ns string) {
	b.Helper()
	err := client(b, at).Resource(k.GVR()).Namespace(ns).DeleteCollection(context.WithoutCancel(b.Context()), metav1.DeleteOptions{}, metav1.ListOptions{})
	if err != nil {
		b.Fatal(err)
	}
}

const (
	secretText = `{apiVersion: v1, kind: Secret, metadata: {name: tls, namespace: %s}, type: Opaque, stringData: {crt: c, key: k}}`
	configText = `{apiVersion: v1, kind: ConfigMap, metadata: {name: %[1]s, namespace: %[2]s}, data: {LEVEL: info, UPSTREAM: "http://upstream.example.com", OTHER: "some text"}}`

	serviceText = `{apiVersion: v1, kind: Service, metadata: {name: %[1]s, namespace: %[2]s}, spec: {selector: {app: %[1]s}, ports: [{name: http, port: 80, targetPort: 8080}]}}`

	deploymentText = `{apiVersion: apps/v1, kind: Deployment, metadata: {name: %[1]s, namespace: %[2]s}, spec: {replicas: 2, selector: {matchLabels: {app: %[1]s}},
 template: {metadata: {labels: {app: %[1]s}}, spec: {containers: [` + container + `]}}}}`

	podText = `{apiVersion: v1, kind: Pod, metadata: {name: %[1]s-5d4f8c7b9-%[3]s, namespace: %[2]s, labels: {app: %[1]s, pod-template-hash: 5d4f8c7b9},
 ownerReferences: [{apiVersion: apps/v1, kind: ReplicaSet, name: %[1]s-5d4f8c7b9, uid: 5b1c2a90-7c2e-4b0b-8f5e-d2f7c1f0a911, controller: true}]},
 spec: {containers: [` + container + `]}}`

	container = `{name: app, image: "registry.example.com/%[1]s:1", ports: [{name: http, containerPort: 8080}], envFrom: [{configMapRef: {name: %[1]s}}],
 env: [{name: LEVEL, value: info}, {name: REGION, value: north}], resources: {requests: {cpu: 100m, memory: 128Mi}, limits: {memory: 256Mi}},
 readinessProbe: {httpGet: {path: /healthz, port: http}}, livenessProbe: {httpGet: {path: /livez, port: http}}}`

	ingressText = `{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {name: web-%[1]d, namespace: %[2]s, annotations: {external-dns.alpha.kubernetes.io/ttl: "60"}},
 spec: {ingressClassName: main, tls: [{hosts: [web-%[1]d.example.com], secretName: tls}], rules: [{host: web-%[1]d.example.com, http: {paths: [
 {path: /, pathType: Prefix, backend: {service: {name: %[3]s, port: {name: http}}}}, {path: /api, pathType: Prefix, backend: {service: {name: %[3]s, port: {name: http}}}}]}}]}}`
)
