// Package workloads holds what runs in the lab's old cluster before a migration: the manifests, the certificates that
// their Ingresses ask for, and what a client may expect behind every host and path. It applies nothing.
package workloads

import (
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/yaml"
)

//go:embed manifests/*.yaml
var manifests embed.FS

// Namespaces are the ones the manifests live in. They are not among Objects: both clusters have them from the start.
var Namespaces = []string{"shop", "blog"}

// Objects returns every object of every manifest, in an order in which they can be applied: what others refer to first.
func Objects() ([]*unstructured.Unstructured, error) {
	files, err := fs.Glob(manifests, "manifests/*.yaml")
	if err != nil {
		return nil, err
	}
	var objects []*unstructured.Unstructured
	for _, name := range files {
		found, err := read(name)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", name, err)
		}
		objects = append(objects, found...)
	}
	slices.SortStableFunc(objects, func(a, b *unstructured.Unstructured) int { return rank(a) - rank(b) })
	return objects, nil
}

func read(name string) ([]*unstructured.Unstructured, error) {
	f, err := manifests.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var objects []*unstructured.Unstructured
	decoder := yaml.NewYAMLOrJSONDecoder(f, 4096)
	for {
		o := &unstructured.Unstructured{}
		err := decoder.Decode(&o.Object)
		if errors.Is(err, io.EOF) {
			return objects, nil
		}
		if err != nil {
			return nil, err
		}
		if len(o.Object) > 0 {
			objects = append(objects, o)
		}
	}
}

// rank puts what a pod needs before the pod, and the routes last.
func rank(o *unstructured.Unstructured) int {
	switch o.GetKind() {
	case "ConfigMap", "Secret", "ServiceAccount", "Role", "RoleBinding", "NetworkPolicy":
		return 0
	case "Service":
		return 1
	case "Ingress":
		return 3
	}
	return 2
}

// Certificate is one TLS secret that an Ingress names. The lab signs it and puts it into old.
type Certificate struct {
	Namespace, Name string
	Hosts           []string
}

// Certificates returns the TLS secrets that the Ingresses name, by namespace and name. It panics when the embedded
// manifests cannot be read, which the tests of this package rule out.
func Certificates() []Certificate {
	var out []Certificate
	for _, ing := range mustIngresses() {
		for _, tls := range ing.Spec.TLS {
			out = append(out, Certificate{Namespace: ing.Namespace, Name: tls.SecretName, Hosts: tls.Hosts})
		}
	}
	slices.SortFunc(out, func(a, b Certificate) int {
		return strings.Compare(a.Namespace+"/"+a.Name, b.Namespace+"/"+b.Name)
	})
	return out
}

func mustIngresses() []*networkingv1.Ingress {
	objects, err := Objects()
	if err != nil {
		panic(err)
	}
	var out []*networkingv1.Ingress
	for _, o := range objects {
		if o.GetKind() != "Ingress" {
			continue
		}
		ing := &networkingv1.Ingress{}
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(o.Object, ing); err != nil {
			panic(fmt.Errorf("read Ingress %s/%s: %w", o.GetNamespace(), o.GetName(), err))
		}
		out = append(out, ing)
	}
	return out
}
