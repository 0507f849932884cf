package kube

import (
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/json"
)

// kept is an object in a view: as text, a sixth of the memory of the maps that it is made into when somebody looks. There may be
// thousands, and a run looks at a few at a time.
type kept struct {
	metav1.ObjectMeta // what an informer goes by
	text              []byte
}

func keep(u *unstructured.Unstructured) (*kept, error) {
	text, err := json.Marshal(u.Object)
	if err != nil {
		return nil, fmt.Errorf("keep %s %s/%s: %w", u.GetKind(), u.GetNamespace(), u.GetName(), err)
	}
	return &kept{text: text, ObjectMeta: metav1.ObjectMeta{
		Namespace: u.GetNamespace(), Name: u.GetName(), UID: u.GetUID(), ResourceVersion: u.GetResourceVersion(),
	}}, nil
}

// object is a copy for whoever asks.
func (k *kept) object() (*unstructured.Unstructured, error) {
	u := &unstructured.Unstructured{}
	if err := json.Unmarshal(k.text, &u.Object); err != nil {
		return nil, fmt.Errorf("read what is kept of %s/%s: %w", k.Namespace, k.Name, err)
	}
	return u, nil
}

// given is a copy of what a view holds. What is no *kept is an error: nobody may take it for not there.
func given(held any) (*unstructured.Unstructured, error) {
	k, ok := held.(*kept)
	if !ok {
		return nil, fmt.Errorf("the view holds a %T: a mistake of cutover, report it", held)
	}
	return k.object()
}
