package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"cutover.dev/cutover/lab/objects"
	"cutover.dev/cutover/lab/ready"
	"cutover.dev/cutover/lab/workloads"
	"cutover.dev/cutover/lab/world"
)

// What is moved: a wave of many small workloads, and one that stays in old, to be asked there.
const (
	space   = "bench"
	moving  = 20
	stays   = "stay"
	wave    = "twenty"
	domain  = ".blog.test" // that of the lab's only certificate for any name
	blogTLS = "blog-tls"
)

func moved(i int) string { return fmt.Sprintf("w-%02d", i) }

func host(workload string) string { return workload + domain }

func all() []string {
	names := []string{stays}
	for i := range moving {
		names = append(names, moved(i))
	}
	return names
}

// writePlan writes the demo's plan, but for what moves: its addresses and windows are the lab's.
func (m *measuring) writePlan() error {
	text, err := os.ReadFile(filepath.Join(m.root, "plans", "demo.yaml"))
	if err == nil {
		text, err = planFrom(text)
	}
	if err == nil {
		err = os.WriteFile(m.tool.Plan, text, 0o644)
	}
	if err != nil {
		return fmt.Errorf("write the plan: %w", err)
	}
	return nil
}

func planFrom(demo []byte) ([]byte, error) {
	var p map[string]any
	if err := yaml.Unmarshal(demo, &p); err != nil {
		return nil, err
	}
	ref := func(name string) any { return space + "/Deployment/" + name }
	var many []any
	for i := range moving {
		many = append(many, ref(moved(i)))
	}
	err := errors.Join(
		unstructured.SetNestedField(p, "measure", "metadata", "name"),
		unstructured.SetNestedSlice(p, []any{space}, "spec", "namespaces"),
		// A machine that is busy is no reason to go back here.
		unstructured.SetNestedField(p, float64(20), "spec", "probe", "latency"),
		unstructured.SetNestedField(p, wave, "spec", "stepdown", "after"),
		unstructured.SetNestedSlice(p, []any{
			map[string]any{"name": wave, "workloads": many},
			map[string]any{"name": stays, "workloads": []any{ref(stays)}},
		}, "spec", "waves"),
	)
	if err != nil {
		return nil, err
	}
	return yaml.Marshal(p)
}

// populate makes room in old and puts our workloads there, with the lab's certificate; new gets the namespace.
func (m *measuring) populate(ctx context.Context) error {
	old, err := objects.Connect(m.world.Kubeconfig(world.Old, world.UserAdmin))
	if err != nil {
		return err
	}
	around, err := objects.Connect(m.world.Kubeconfig(world.New, world.UserAdmin))
	if err != nil {
		return err
	}
	if err := vacate(ctx, old); err != nil {
		return err
	}
	secret, err := old.Kube.CoreV1().Secrets(workloads.Namespaces[1]).Get(ctx, blogTLS, metav1.GetOptions{})
	if err != nil {
		return fmt.Errorf("read the certificate: %w", err)
	}
	list, err := manifests()
	if err != nil {
		return err
	}
	if err := errors.Join(old.Apply(ctx, list[0]), around.Apply(ctx, list[0])); err != nil {
		return err
	}
	secret = &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: space, Name: blogTLS}, Type: secret.Type, Data: secret.Data}
	if _, err := old.Kube.CoreV1().Secrets(space).Create(ctx, secret, metav1.CreateOptions{}); err != nil {
		return fmt.Errorf("copy the certificate: %w", err)
	}
	if err := old.Apply(ctx, list[1:]...); err != nil {
		return err
	}
	clients, err := m.ways()
	if err != nil {
		return err
	}
	for _, name := range all() {
		direct := clients.direct(name)
		if err := ready.Until(ctx, "an answer of "+name, 2*time.Minute, func(ctx context.Context) error {
			_, _, err := direct.ask(ctx, true)
			return err
		}); err != nil {
			return err
		}
	}
	m.say.Note("%d workloads answer in old", len(all()))
	return nil
}

// vacate takes what the lab's clients use away: nobody does here, and Traefik would prefer its route for any name to ours.
func vacate(ctx context.Context, old *objects.Client) error {
	var errs []error
	for _, ns := range workloads.Namespaces {
		errs = append(errs,
			old.Kube.NetworkingV1().Ingresses(ns).DeleteCollection(ctx, metav1.DeleteOptions{}, metav1.ListOptions{}),
			old.Kube.AppsV1().Deployments(ns).DeleteCollection(ctx, metav1.DeleteOptions{}, metav1.ListOptions{}))
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("make room in old: %w", err)
	}
	return nil
}

// manifests are the namespace and, of each workload, Deployment, Service and Ingress.
func manifests() ([]*unstructured.Unstructured, error) {
	text := "{apiVersion: v1, kind: Namespace, metadata: {name: " + space + "}}\n"
	for _, name := range all() {
		text += fmt.Sprintf(workloadText, name, space, host(name), blogTLS)
	}
	return objects.Parse([]byte(text))
}

const workloadText = `---
apiVersion: apps/v1
kind: Deployment
metadata: {name: %[1]s, namespace: %[2]s}
spec:
  selector: {matchLabels: {app: %[1]s}}
  template:
    metadata: {labels: {app: %[1]s}}
    spec:
      terminationGracePeriodSeconds: 15
      containers:
      - name: app
        image: lab.test/lab/app:1
        env:
        - {name: WORKLOAD, value: %[1]s}
        - {name: NODE_NAME, valueFrom: {fieldRef: {fieldPath: spec.nodeName}}}
        ports: [{name: http, containerPort: 8080}]
        readinessProbe: {httpGet: {path: /healthz, port: http}, periodSeconds: 1, timeoutSeconds: 10, failureThreshold: 10}
        lifecycle: {preStop: {sleep: {seconds: 3}}}
        resources: {requests: {cpu: 10m, memory: 16Mi}}
---
apiVersion: v1
kind: Service
metadata: {name: %[1]s, namespace: %[2]s}
spec: {selector: {app: %[1]s}, ports: [{name: http, port: 80, targetPort: http}]}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: %[1]s, namespace: %[2]s}
spec:
  ingressClassName: main
  tls: [{hosts: [%[3]s], secretName: %[4]s}]
  rules: [{host: %[3]s, http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: %[1]s, port: {number: 80}}}}]}}]
`
