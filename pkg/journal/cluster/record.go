package cluster

import (
	"fmt"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"cutover.dev/cutover/pkg/fault"
	"cutover.dev/cutover/pkg/kube"
)

const markStop = "cutover.dev/stop-requested" // who asks the holder to stop

// record is what stands in the Lease.
type record struct {
	Holder            string
	TTL               time.Duration
	Acquired, Renewed time.Time // by the holder's clock
	Transitions       int32
	StopAsked         string
}

func readRecord(u *unstructured.Unstructured) (record, error) {
	lease, err := kube.As[coordinationv1.Lease](u)
	if err != nil {
		return record{}, err
	}
	spec := lease.Spec
	r := record{StopAsked: lease.Annotations[markStop]}
	if spec.HolderIdentity != nil {
		r.Holder = *spec.HolderIdentity
	}
	if spec.LeaseDurationSeconds != nil {
		r.TTL = time.Duration(*spec.LeaseDurationSeconds) * time.Second
	}
	if spec.AcquireTime != nil {
		r.Acquired = spec.AcquireTime.Time
	}
	if spec.RenewTime != nil {
		r.Renewed = spec.RenewTime.Time
	}
	if spec.LeaseTransitions != nil {
		r.Transitions = *spec.LeaseTransitions
	}
	return r, nil
}

func (r record) object(namespace, name, plan string) (*unstructured.Unstructured, error) {
	seconds := max(int32((r.TTL+time.Second-1)/time.Second), 1) // rounded up: others wait rather too long
	lease := &coordinationv1.Lease{Spec: coordinationv1.LeaseSpec{
		HolderIdentity: &r.Holder, LeaseDurationSeconds: &seconds, LeaseTransitions: &r.Transitions,
	}}
	if r.Holder == "" {
		lease.Spec.HolderIdentity = nil
	} else {
		lease.Spec.AcquireTime, lease.Spec.RenewTime = micro(r.Acquired), micro(r.Renewed)
	}
	lease.Namespace, lease.Name = namespace, name
	if r.StopAsked != "" {
		lease.Annotations = map[string]string{markStop: r.StopAsked}
	}
	u, err := kube.From(kube.Lease, lease)
	if err != nil {
		return nil, err
	}
	kube.Own(u, plan)
	return u, nil
}

func micro(t time.Time) *metav1.MicroTime { return &metav1.MicroTime{Time: t.UTC()} }

// free: nobody holds it, or its holder has shown no sign of life. watched is how long it has been seen unchanged.
func (r record) free(ttl, watched time.Duration) bool {
	ttl = max(ttl, r.TTL)
	return r.Holder == "" || watched >= ttl || time.Since(r.Renewed) > 2*ttl+time.Minute
}

func (r record) details() *LockedError {
	return &LockedError{Holder: r.Holder, Since: r.Acquired, TTL: r.TTL, StopAsked: r.StopAsked}
}

func (r record) locked() error {
	return fault.Wrap(fault.Locked, fmt.Sprintf("wait for that run to end; if its process is gone, the lock is free %s after it last renewed it; `cutover unlock` breaks it", r.TTL), r.details())
}
