package kube

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// fingerprint stands for a Secret where it must not be shown: one keyed hash over the whole of it, so that the values
// cannot be tried one by one. The key comes from the plan's name, and from the uid that the wanted object still carries
// if it is a copy: a number that only those know who may read the original.
func fingerprint(plan string, obj *unstructured.Unstructured) (string, error) {
	b, err := json.Marshal(normal(obj)) // maps are marshalled in order
	if err != nil {
		return "", fmt.Errorf("fingerprint of %s %s/%s: %w", obj.GetKind(), obj.GetNamespace(), obj.GetName(), err)
	}
	key := hmac.New(sha256.New, []byte("cutover.dev/fingerprint/"+plan))
	key.Write([]byte(obj.GetUID()))
	sum := hmac.New(sha256.New, key.Sum(nil))
	sum.Write(b)
	return "hmac-sha256:" + hex.EncodeToString(sum.Sum(nil)), nil
}
