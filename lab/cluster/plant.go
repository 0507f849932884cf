package cluster

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"cutover.dev/cutover/lab/ready"
)

// plant puts the kube-system namespace into etcd before the API server would make it with a
// random uid. That uid is how plans name a cluster, and plans are committed.
func (c *Cluster) plant(ctx context.Context) error {
	value, err := json.Marshal(systemNamespace(c.UID, time.Now()))
	if err != nil {
		return fmt.Errorf("plant kube-system: %w", err)
	}
	key := "/registry/namespaces/" + metav1.NamespaceSystem
	body, err := json.Marshal(map[string][]byte{"key": []byte(key), "value": value}) // bytes become base64
	if err != nil {
		return fmt.Errorf("plant kube-system: %w", err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+c.Node+":2379/v3/kv/put", bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("plant kube-system: %w", err)
	}
	if err := ready.Answers(ready.Direct, request); err != nil {
		return fmt.Errorf("plant kube-system: %w", err)
	}
	return nil
}

func systemNamespace(uid string, now time.Time) corev1.Namespace {
	return corev1.Namespace{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Namespace"},
		ObjectMeta: metav1.ObjectMeta{
			Name: metav1.NamespaceSystem, UID: types.UID(uid),
			CreationTimestamp: metav1.NewTime(now.UTC().Truncate(time.Second)),
			Labels:            map[string]string{corev1.LabelMetadataName: metav1.NamespaceSystem},
		},
		Spec:   corev1.NamespaceSpec{Finalizers: []corev1.FinalizerName{corev1.FinalizerKubernetes}},
		Status: corev1.NamespaceStatus{Phase: corev1.NamespaceActive},
	}
}

// get succeeds on status 200.
func get(ctx context.Context, url string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	return ready.Answers(ready.Direct, request)
}
