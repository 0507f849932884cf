// Package inventory is what is in scope: the Ingresses, Services and workloads of old's namespaces in a plan, and who
// calls whom. It is taken once and frozen; later jobs take it again and Compare, they never quietly work on a new list.
//
// It holds names, ports, labels and the specs of Ingresses. It never holds the value of an environment variable, of a
// ConfigMap or of a Secret: values are scanned for names of Services while it is taken, and dropped.
//
// Three answers are worked out here because they need the view of all Ingresses at once: which Ingress carries the
// catch-all of a host (Target), which workloads can only move in one lane and in which order their Ingresses are
// swapped (Units), and what cannot move at all (Check).
//
// # What it cannot see
//
// Callers in namespaces that are not in the plan; addresses that are in Secrets, in images or in code; callees named
// otherwise than by the DNS name of a Service. See mentions for what counts as a name.
package inventory

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"sync"
	"time"

	networkingv1 "k8s.io/api/networking/v1"

	"cutover.dev/cutover/pkg/ingress"
	"cutover.dev/cutover/pkg/kube"
	"cutover.dev/cutover/pkg/plan"
)

// Inventory is what was there at one moment. Everything in it is sorted, so that two of the same state are the same
// bytes but for FrozenAt. Once a method has been called it must not be changed.
type Inventory struct {
	FrozenAt    time.Time   `json:"frozenAt"`
	Namespaces  []string    `json:"namespaces"`
	Controllers Controllers `json:"controllers"`
	Ingresses   []Ingress   `json:"ingresses"`
	Services    []Service   `json:"services"`
	Workloads   []Workload  `json:"workloads"`
	Calls       []Call      `json:"calls"`
	Unmovable   []Unmovable `json:"unmovable,omitempty"`

	// Seals tell whether an object is still the one that was frozen: by plan.Ref, as a string.
	Seals map[string]string `json:"seals,omitempty"`

	once  sync.Once
	index *index
}

// Controllers are spec.controller of the ingress class of each entry; "" if it could not be told. See FindControllers.
type Controllers struct {
	Old string `json:"old"`
	New string `json:"new"`
}

// Ingress is one Ingress of old, without what the server and other controllers wrote on it.
type Ingress struct {
	Object networkingv1.Ingress `json:"object"`
	Class  string               `json:"class"`            // by field or by the old annotation; "" without one
	Keeper string               `json:"keeper,omitempty"` // who would change it back, in words
}

// Name is the namespace and name of the Ingress.
func (i Ingress) Name() ingress.Name { return ingress.NameOf(&i.Object) }

// Service is one Service of old.
type Service struct {
	Name         ingress.Name      `json:"name"`
	Type         string            `json:"type"`
	Headless     bool              `json:"headless,omitempty"`
	ExternalName string            `json:"externalName,omitempty"`
	Selector     map[string]string `json:"selector,omitempty"` // empty: its endpoints are kept by hand
	Ports        []Port            `json:"ports,omitempty"`
}

// Port is a port of a Service or of a container.
type Port struct {
	Name     string `json:"name,omitempty"`
	Number   int32  `json:"number"`
	Protocol string `json:"protocol,omitempty"`
	Target   string `json:"target,omitempty"` // of a Service: name or number in the pods
}

// Workload is one Deployment, StatefulSet, DaemonSet or CronJob of old.
type Workload struct {
	Ref       plan.Ref          `json:"ref"`
	Labels    map[string]string `json:"labels,omitempty"` // of its pods
	Ports     []Port            `json:"ports,omitempty"`
	Needs     []string          `json:"needs,omitempty"`  // "ConfigMap/settings", what its pods name
	Claims    []string          `json:"claims,omitempty"` // volumes that outlive a pod
	HostPaths []string          `json:"hostPaths,omitempty"`
	Scaler    string            `json:"scaler,omitempty"` // "HorizontalPodAutoscaler/web", "ScaledObject/web"
	Budgets   []string          `json:"budgets,omitempty"`
	Replicas  int               `json:"replicas"`            // when it was taken; moves by itself
	Suspended bool              `json:"suspended,omitempty"` // a CronJob that does not run
	Keeper    string            `json:"keeper,omitempty"`    // who would change it back, in words
}

// Call says that a workload names a Service in its configuration.
type Call struct {
	From    plan.Ref     `json:"from"`
	To      ingress.Name `json:"to"`
	Where   string       `json:"where"`             // "env API of container app"
	Outside bool         `json:"outside,omitempty"` // of a namespace that is not in the plan
}

// Unmovable is something that runs and that nothing would start again in new.
type Unmovable struct {
	Ref plan.Ref `json:"ref"`
	Why string   `json:"why"`
}

// Exclusive says whether two copies of a workload must never run at once: CronJobs by nature, others where the plan
// says so. Old goes off before new goes on, and nothing runs in between.
func Exclusive(w plan.Workload) bool { return w.Exclusive || w.Ref.Kind == kube.CronJob.Kind }

// Digest is a hash over all that is not free to change by itself: not when it was taken, replicas, whether a CronJob is
// suspended, or what scales a workload.
func (inv *Inventory) Digest() (string, error) {
	still := Inventory{
		Namespaces: inv.Namespaces, Controllers: inv.Controllers, Ingresses: inv.Ingresses,
		Services: inv.Services, Calls: inv.Calls,
	}
	for _, w := range inv.Workloads {
		w.Replicas, w.Suspended, w.Scaler, w.Budgets = 0, false, "", nil
		still.Workloads = append(still.Workloads, w)
	}
	text, err := json.Marshal(&still)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:]), nil
}
