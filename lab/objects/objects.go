// Package objects is the lab's way to the API servers: it connects as one of the lab's users
// and applies objects from YAML, server-side, as field manager "lab". What counts as ready is
// decided by its callers.
package objects

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/restmapper"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/yaml"
)

// Manager is the field manager of everything that the lab applies.
const Manager = "lab"

// Client talks to one API server.
type Client struct {
	// Kube is the typed client, for reading.
	Kube    *kubernetes.Clientset
	dynamic *dynamic.DynamicClient
	mapper  meta.ResettableRESTMapper
}

// Connect reads a kubeconfig; it makes no request yet.
func Connect(kubeconfig string) (*Client, error) {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return nil, fmt.Errorf("read kubeconfig %s: %w", kubeconfig, err)
	}
	config.QPS = -1 // the lab is alone on its API servers
	config.Timeout = 30 * time.Second
	config.UserAgent = "cutover-lab"
	// The lab's addresses are on this machine, whatever proxy the environment names.
	config.Proxy = func(*http.Request) (*url.URL, error) { return nil, nil }
	kube, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", config.Host, err)
	}
	dyn, err := dynamic.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", config.Host, err)
	}
	mapper := restmapper.NewDeferredDiscoveryRESTMapper(memory.NewMemCacheClient(kube.Discovery()))
	return &Client{Kube: kube, dynamic: dyn, mapper: mapper}, nil
}

// Apply applies objects in the given order and reports all that are refused.
func (c *Client) Apply(ctx context.Context, list ...*unstructured.Unstructured) error {
	var errs []error
	for _, object := range list {
		if err := c.apply(ctx, object); err != nil {
			errs = append(errs, fmt.Errorf("apply %s %s/%s: %w", object.GetKind(), object.GetNamespace(), object.GetName(), err))
		}
	}
	return errors.Join(errs...)
}

func (c *Client) apply(ctx context.Context, object *unstructured.Unstructured) error {
	kind := object.GroupVersionKind()
	mapping, err := c.mapper.RESTMapping(kind.GroupKind(), kind.Version)
	if err != nil {
		return err
	}
	var target dynamic.ResourceInterface = c.dynamic.Resource(mapping.Resource)
	if mapping.Scope.Name() == meta.RESTScopeNameNamespace {
		target = c.dynamic.Resource(mapping.Resource).Namespace(object.GetNamespace())
	}
	_, err = target.Apply(ctx, object.GetName(), object, metav1.ApplyOptions{FieldManager: Manager, Force: true})
	return err
}

// Parse reads a file of YAML documents; empty ones are skipped.
func Parse(data []byte) ([]*unstructured.Unstructured, error) {
	var list []*unstructured.Unstructured
	for i, document := range strings.Split("\n"+string(data), "\n---") {
		var content map[string]any
		if err := yaml.Unmarshal([]byte(document), &content); err != nil {
			return nil, fmt.Errorf("read document %d: %w", i+1, err)
		}
		if len(content) == 0 {
			continue
		}
		object := &unstructured.Unstructured{Object: content}
		if object.GetKind() == "" || object.GetName() == "" {
			return nil, fmt.Errorf("read document %d: no kind or no name", i+1)
		}
		list = append(list, object)
	}
	return list, nil
}
