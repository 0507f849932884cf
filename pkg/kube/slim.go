package kube

import (
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
)

const lastApplied = "kubectl.kubernetes.io/last-applied-configuration"

// slim is what is kept of an object. Of managedFields only who and how (OwnerOf reads them), not the fields, which are
// often half of an object; but of a ConfigMap those that are ours. kubectl's copy of the object goes as well: of a Secret
// it would be the data.
func slim(k Kind, in any) (*unstructured.Unstructured, error) {
	u, err := untyped(k, in)
	if err != nil || u == nil {
		return nil, err
	}
	if metadataOnly(k) {
		delete(u.Object, "data")
		delete(u.Object, "stringData")
	}
	if managers, ok, _ := unstructured.NestedFieldNoCopy(u.Object, "metadata", "managedFields"); ok {
		if managers, ok := managers.([]any); ok {
			for _, m := range managers {
				if m, ok := m.(map[string]any); ok && (k != ConfigMap || m["manager"] != Manager) { // see dropped
					delete(m, "fieldsV1")
					delete(m, "fieldsType")
				}
			}
		}
	}
	unstructured.RemoveNestedField(u.Object, "metadata", "annotations", lastApplied)
	return u, nil
}

// slim is the transform of the view's informer.
func (v *view) slim(in any) (any, error) {
	u, err := slim(v.key.kind, in)
	if err != nil || u == nil { // the sign of a deleted object whose event was missed, for one
		return in, err
	}
	return keep(u)
}

func untyped(k Kind, in any) (*unstructured.Unstructured, error) {
	switch o := in.(type) {
	case *unstructured.Unstructured:
		return o, nil
	case *metav1.PartialObjectMetadata:
		object, err := runtime.DefaultUnstructuredConverter.ToUnstructured(o)
		if err != nil {
			return nil, fmt.Errorf("read metadata of %s: %w", k.Kind, err)
		}
		u := &unstructured.Unstructured{Object: object}
		u.SetGroupVersionKind(k.GVK())
		return u, nil
	}
	return nil, nil
}
