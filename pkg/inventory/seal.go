package inventory

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"cutover.dev/cutover/pkg/kube"
	"cutover.dev/cutover/pkg/plan"
)

// sealed are the kinds whose identity is frozen, so that nothing else is deleted in the name of what was.
var sealed = append([]kube.Kind{kube.Ingress, kube.Service, kube.ConfigMap, kube.HPA, kube.PDB}, movable...)

// whole are the kinds of whose objects a seal stands for the content too.
var whole = []string{kube.ConfigMap.Kind, kube.HPA.Kind, kube.PDB.Kind}

// Seal stands for an object as it is: another one of the same name has another seal. Of kinds that nothing here changes
// and Compare does not look into (ConfigMaps, autoscalers, budgets) it stands for what they say as well. It is "" for an
// object that no server has stored. The values of a ConfigMap cannot be tried against it by who does not know its uid.
func Seal(u *unstructured.Unstructured) (string, error) {
	if u.GetUID() == "" {
		return "", nil
	}
	said := map[string]any{}
	if slices.Contains(whole, u.GetKind()) {
		for _, field := range []string{"spec", "data", "binaryData", "immutable"} {
			said[field] = u.Object[field]
		}
	}
	text, err := json.Marshal([]any{u.GetUID(), said}) // maps are marshalled in order
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:8]), nil
}

// SealOf returns the seal under which an object was frozen; "" if it was not.
func (inv *Inventory) SealOf(ref plan.Ref) string { return inv.Seals[ref.String()] }

func (inv *Inventory) seal(l listed) error {
	if inv.Seals == nil {
		inv.Seals = map[string]string{}
	}
	for _, kind := range sealed {
		for _, u := range l.of[kind] {
			s, err := Seal(u)
			if err != nil {
				return err
			}
			if s != "" {
				inv.Seals[refOf(u).String()] = s
			}
		}
	}
	return nil
}
