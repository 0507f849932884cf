package cluster

import (
	"encoding/base64"
	"fmt"
	"strconv"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"cutover.dev/cutover/pkg/kube"
)

const (
	full    = 64 << 10  // bytes of compressed data at which a segment is sealed
	largest = 900 << 10 // bytes that one ConfigMap ever holds; Kubernetes allows 1 MiB in all

	labelState   = "cutover.dev/state" // what a ConfigMap holds: journal or blob
	markSealed   = "cutover.dev/sealed"
	contentField = "content.gz"
)

// segment is one ConfigMap of the journal.
type segment struct {
	n      int
	rv     string // "" = not stored yet
	data   []byte // gzip members, one after the other
	sealed bool   // it never changes again
}

// version is "n/resourceVersion", "" for no segment at all.
func (s *segment) version() string {
	if s == nil {
		return ""
	}
	return strconv.Itoa(s.n) + "/" + s.rv
}

// with is the segment with one more member, sealed if that fills it.
func (s *segment) with(member []byte) *segment {
	data := append(append(make([]byte, 0, len(s.data)+len(member)), s.data...), member...)
	return &segment{n: s.n, rv: s.rv, data: data, sealed: len(data) >= full}
}

func (s *segment) object(namespace, plan string) *unstructured.Unstructured {
	u := configMap(namespace, segmentName(plan, s.n), plan, "journal", s.data)
	u.SetResourceVersion(s.rv)
	u.SetAnnotations(map[string]string{markSealed: strconv.FormatBool(s.sealed)})
	return u
}

func parse(u *unstructured.Unstructured, plan string) (*segment, error) {
	n, err := segmentNumber(plan, u.GetName())
	if err != nil {
		return nil, err
	}
	data, err := content(u)
	if err != nil {
		return nil, err
	}
	return &segment{n: n, rv: u.GetResourceVersion(), data: data, sealed: u.GetAnnotations()[markSealed] == "true"}, nil
}

// configMap is one of ours with bytes in it.
func configMap(namespace, name, plan, state string, data []byte) *unstructured.Unstructured {
	u := &unstructured.Unstructured{Object: map[string]any{
		"binaryData": map[string]any{contentField: base64.StdEncoding.EncodeToString(data)},
	}}
	u.SetGroupVersionKind(kube.ConfigMap.GVK())
	u.SetNamespace(namespace)
	u.SetName(name)
	u.SetLabels(map[string]string{labelState: state})
	kube.Own(u, plan)
	return u
}

func content(u *unstructured.Unstructured) ([]byte, error) {
	text, ok, err := unstructured.NestedString(u.Object, "binaryData", contentField)
	if err != nil || !ok {
		return nil, fmt.Errorf("ConfigMap %s has no %s", u.GetName(), contentField)
	}
	data, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, fmt.Errorf("ConfigMap %s: %w", u.GetName(), err)
	}
	return data, nil
}
