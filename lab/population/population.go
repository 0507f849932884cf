// Package population puts the demo's workloads into a cluster, with the certificates that their
// Ingresses name, and waits until clients are answered. What the workloads are is the business
// of package workloads.
package population

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"
	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"cutover.dev/cutover/lab/cluster"
	"cutover.dev/cutover/lab/ready"
	"cutover.dev/cutover/lab/workloads"
	"cutover.dev/cutover/lab/world"
)

// Steps is how many steps Settle and Answer report together.
const Steps = 2

// Settle applies the workloads and waits until every Deployment is available.
func Settle(ctx context.Context, c *cluster.Cluster) error {
	list, err := secrets(c)
	if err != nil {
		return err
	}
	objects, err := workloads.Objects()
	if err != nil {
		return fmt.Errorf("read the workloads: %w", err)
	}
	if err := c.Client.Apply(ctx, append(list, objects...)...); err != nil {
		return fmt.Errorf("apply the workloads: %w", err)
	}
	if err := c.Until(ctx, "kubelet", "workloads available", 90*time.Second, func(ctx context.Context) error {
		return Available(ctx, c)
	}); err != nil {
		return err
	}
	c.Report.Done("%s: %d objects of the workloads are there, all Deployments available", c.Name, len(objects))
	return nil
}

// secrets signs a certificate for every TLS secret that an Ingress names.
func secrets(c *cluster.Cluster) ([]*unstructured.Unstructured, error) {
	var list []*unstructured.Unstructured
	for _, want := range workloads.Certificates() {
		pair, err := c.Authority.Server(want.Hosts...)
		if err != nil {
			return nil, fmt.Errorf("sign %s/%s: %w", want.Namespace, want.Name, err)
		}
		list = append(list, &unstructured.Unstructured{Object: map[string]any{
			"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls",
			"metadata": map[string]any{"namespace": want.Namespace, "name": want.Name},
			"data": map[string]any{
				"tls.crt": base64.StdEncoding.EncodeToString(pair.Cert),
				"tls.key": base64.StdEncoding.EncodeToString(pair.Key),
			},
		}})
	}
	return list, nil
}

// Available says whether every Deployment of the lab's namespaces has all the pods it wants.
// None at all is a no.
func Available(ctx context.Context, c *cluster.Cluster) error {
	seen := 0
	for _, namespace := range workloads.Namespaces {
		list, err := c.Client.Kube.AppsV1().Deployments(namespace).List(ctx, metav1.ListOptions{})
		if err != nil {
			return err
		}
		for _, d := range list.Items {
			seen++
			if err := complete(d); err != nil {
				return err
			}
		}
	}
	if seen == 0 {
		return errors.New("no Deployment is there")
	}
	return nil
}

func complete(d appsv1.Deployment) error {
	want := int32(1)
	if d.Spec.Replicas != nil {
		want = *d.Spec.Replicas
	}
	if d.Status.ObservedGeneration < d.Generation || d.Status.AvailableReplicas < want {
		return fmt.Errorf("the Deployment %s/%s has %d of %d pods available", d.Namespace, d.Name, d.Status.AvailableReplicas, want)
	}
	return nil
}

// Answer waits until every host answers through a public entry, from the workload that it
// should, several times in a row.
func Answer(ctx context.Context, c *cluster.Cluster) error {
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(c.Authority.Cert) {
		return errors.New("read the lab's root certificate: no certificate in it")
	}
	group, inner := errgroup.WithContext(ctx)
	n := 0
	for _, host := range workloads.Hosts() {
		if host.Kind != workloads.Quick && host.Kind != workloads.Slow {
			continue // the load generator knows how to use the others
		}
		n++
		times := 5
		if host.Kind == workloads.Slow {
			times = 1
		}
		group.Go(func() error {
			look := ready.InARow(times, func(ctx context.Context) error { return ask(ctx, c.Cluster, roots, host) })
			return ready.Until(inner, c.Name+": https://"+host.Host+host.Path+" answers", time.Minute, look)
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	c.Report.Done("%s: %d hosts and paths answer", c.Name, n)
	return nil
}

// ask asks a public entry for a host on a fresh connection.
func ask(ctx context.Context, c world.Cluster, roots *x509.CertPool, host workloads.Host) error {
	client := http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		TLSClientConfig:   &tls.Config{RootCAs: roots},
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, c.Entry+":443")
		},
	}}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+host.Host+host.Path, nil)
	if err != nil {
		return err
	}
	answer, err := client.Do(request)
	if err != nil {
		return err
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusOK || answer.Header.Get("X-Workload") != host.Workload {
		return fmt.Errorf("status %d from workload %q instead of %q", answer.StatusCode, answer.Header.Get("X-Workload"), host.Workload)
	}
	return nil
}
