package cli

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"cutover.dev/cutover/pkg/fault"
	"cutover.dev/cutover/pkg/inventory"
	"cutover.dev/cutover/pkg/itinerary"
	"cutover.dev/cutover/pkg/journal"
	"cutover.dev/cutover/pkg/journal/cluster"
	"cutover.dev/cutover/pkg/kube"
	"cutover.dev/cutover/pkg/phase"
	"cutover.dev/cutover/pkg/plan"
	"cutover.dev/cutover/pkg/reach"
	"cutover.dev/cutover/pkg/replset"
)

// session is one run of a verb that looks at the clusters: everything wired together.
type session struct {
	call     *call
	plan     *plan.Plan
	old, new *kube.Cluster
	mongo    *replset.Set   // nil: the plan has none, or nobody said where it is
	part     func()         // ends the connections to it
	reach    reach.Sides    // who dials what is inside a cluster
	relays   []*reach.Pod   // ours
	unrelay  func()         // removes them; nil: there can be none
	store    *cluster.Store // authoritative
	mirror   *cluster.Store // nil: none
	lease    *cluster.Lease
	run      string // this run in the journal
	inv      *inventory.Inventory
	frozen   bool // inv is the frozen one; false: taken now
	looking  bool // this identity may write nothing
	veiled   bool // nor may it read Secrets
	log      *journal.Log
	stops    []itinerary.Stop
	phases   map[string]phase.Phase
	gone     bool                      // new cannot be reached, and a person said that it is gone
	asked    atomic.Pointer[time.Time] // when a signal came; nil: none did
}

// last is a context for what is still to be done when the run's own may be over: for d at most. After a signal it ends with the
// grace, and then there is still a moment for each: what one server that hangs took, the others would lack.
func (s *session) last(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	until := time.Now().Add(d)
	if asked := s.asked.Load(); asked != nil && until.After(asked.Add(graceful)) {
		until = asked.Add(graceful)
		if soon := time.Now().Add(atLeast); until.Before(soon) {
			until = soon
		}
	}
	return context.WithDeadline(context.WithoutCancel(ctx), until)
}

// open connects to both clusters and settles that they are the ones the plan means, before anything else is asked of
// them. Call close on what it returns.
func (c *call) open(ctx context.Context) (*session, error) {
	p, err := c.load()
	if err != nil {
		return nil, err
	}
	s := &session{call: c, plan: p, run: c.runName()}
	context.AfterFunc(ctx, func() {
		now := time.Now()
		s.asked.Store(&now)
	})
	for _, why := range []string{c.flags.Reason, c.flags.BreakGlass, c.flags.OlderPlan} {
		if why != "" {
			s.run += " (" + why + ")"
		}
	}
	for _, name := range zoneSecrets {
		c.mask([]string{c.env(name)})
	}
	if c.flags.Now {
		s.run += notWaited
		c.warn("--now is for rehearsals: caches that still hold old answers are not waited for")
	}
	if err := s.connect(ctx); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

func (s *session) close() {
	if s.part != nil {
		s.part()
	}
	if s.unrelay != nil {
		s.unrelay()
	}
	for _, k := range []*kube.Cluster{s.old, s.new} {
		if k != nil {
			k.Close()
		}
	}
}

// database reads where the replica set is. Only the phases that need it miss it.
func (s *session) database(ctx context.Context) (err error) {
	uri := s.call.env(replset.Variable)
	if s.plan.Spec.MongoDB == nil || uri == "" {
		return nil
	}
	s.call.mask(replset.Secrets(uri))
	s.mongo, err = replset.Open(replset.Options{URI: uri, Also: s.plan.Spec.MongoDB.New, Dial: s.dialMember()})
	s.part = func() {
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), atLeast)
		defer cancel()
		s.mongo.Close(last)
	}
	return err
}

func (s *session) connect(ctx context.Context) (err error) {
	var missing []error
	for _, name := range []string{oldVariable, newVariable} {
		if s.call.env(name) == "" {
			missing = append(missing, fault.New(fault.Usage, "a path, or the kubeconfig as one line of base64", "%s is not set", name))
		}
	}
	if err := errors.Join(missing...); err != nil {
		return fault.Wrap(fault.Usage, "", err)
	}
	if _, err := s.call.login(""); err != nil {
		return err // once, not for each cluster
	}
	// The views have to outlive a stop request, or nothing could be finished or taken back after it: close ends them.
	views := context.WithoutCancel(ctx)
	var errs [2]error
	s.old, errs[0] = s.call.cluster(views, phase.Old, s.plan.Spec.Clusters.Old.UID)
	s.new, errs[1] = s.call.cluster(views, phase.New, s.plan.Spec.Clusters.New.UID)
	if err := errors.Join(errs[:]...); err != nil {
		return fault.Wrap(fault.Usage, "", err)
	}
	if err := s.database(ctx); err != nil {
		return err
	}
	s.relay(ctx)
	ns, name := s.plan.Spec.State.Namespace, s.plan.Metadata.Name
	ttl := time.Duration(s.plan.Spec.Lock.TTL)
	if s.call.flags.BreakGlass != "" {
		s.store, s.lease = cluster.New(s.old, ns, name), cluster.NewLease(s.old, ns, name, ttl)
		return s.breakGlass(ctx)
	}
	s.store, s.mirror = cluster.New(s.new, ns, name), cluster.New(s.old, ns, name)
	s.lease = cluster.NewLease(s.new, ns, name, ttl)
	return s.identity(ctx, true)
}

// identity settles that both kubeconfigs lead where the plan says. both false: only old is asked.
func (s *session) identity(ctx context.Context, both bool) error {
	old, oldErr := s.old.UID(ctx)
	if oldErr != nil {
		oldErr = fmt.Errorf("ask old who it is: %w", oldErr)
	}
	current, newErr := s.plan.Spec.Clusters.New.UID, error(nil)
	if both {
		if current, newErr = s.new.UID(ctx); newErr != nil {
			newErr = s.call.withoutNew(fmt.Errorf("ask new who it is: %w", newErr))
		}
	}
	if err := errors.Join(oldErr, newErr); err != nil {
		return unsure(err)
	}
	return same(s.plan.Spec.Clusters, old, current)
}

// called is a cluster as the plan calls it.
func called(want plan.Clusters, uid string) string {
	switch uid {
	case want.Old.UID:
		return "old (" + uid + ")"
	case want.New.UID:
		return "new (" + uid + ")"
	}
	return uid + ", which the plan does not name"
}

// same compares the UIDs of the namespaces kube-system with those that the plan pins.
func same(want plan.Clusters, old, current string) error {
	hint := fmt.Sprintf("%s and %s have to lead to the clusters in spec.clusters of the plan", oldVariable, newVariable)
	switch {
	case want.Old.UID == want.New.UID:
		return fault.New(fault.Usage, "", "the plan pins the same cluster twice: %s", want.Old.UID)
	case old == current:
		return fault.New(fault.Refused, hint, "the same cluster twice: both kubeconfigs lead to %s", called(want, old))
	case old == want.New.UID && current == want.Old.UID:
		return fault.New(fault.Refused, hint, "swapped: the kubeconfig of old leads to new, and that of new to old")
	}
	var errs []error
	for _, c := range []struct{ env, is, want string }{{phase.Old, old, want.Old.UID}, {phase.New, current, want.New.UID}} {
		if c.is != c.want {
			errs = append(errs, fmt.Errorf("%s is the cluster %s, the plan means %s", c.env, c.is, c.want))
		}
	}
	return fault.Wrap(fault.Refused, hint, errors.Join(errs...))
}
