package cluster

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"cutover.dev/cutover/pkg/journal"
	"cutover.dev/cutover/pkg/kube"
	"cutover.dev/cutover/pkg/phase"
)

// API is what this package needs of a *kube.Cluster: live reads, and writes by compare-and-swap.
type API interface {
	Env() string
	Read(ctx context.Context, k kube.Kind, ns, name string) (*unstructured.Unstructured, error)
	Find(ctx context.Context, k kube.Kind, ns, selector string) ([]*unstructured.Unstructured, error)
	Create(context.Context, *unstructured.Unstructured) (*unstructured.Unstructured, error)
	Update(context.Context, *unstructured.Unstructured) (*unstructured.Unstructured, error)
}

// Store is a journal.Store in one cluster.
type Store struct {
	api             API
	namespace, plan string

	mu    sync.Mutex
	last  *segment // as of the newest Load or Append
	count int      // entries up to and including last
}

// New is the journal of a plan in a namespace of a cluster.
func New(api API, namespace, plan string) *Store {
	return &Store{api: api, namespace: namespace, plan: plan}
}

var _ journal.Store = (*Store)(nil)

// Load returns all entries. The version of an empty journal is "".
func (s *Store) Load(ctx context.Context) ([]journal.Entry, string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	segments, err := s.segments(ctx)
	if err != nil {
		return nil, "", fmt.Errorf("load the journal of %s from %s: %w", s.plan, s.api.Env(), err)
	}
	var r reader
	for _, seg := range segments {
		if err := r.read(seg.data); err != nil {
			return nil, "", fmt.Errorf("journal of %s in %s, segment %d: %w", s.plan, s.api.Env(), seg.n, err)
		}
	}
	s.last, s.count = nil, len(r.entries)
	if len(segments) > 0 {
		s.last = segments[len(segments)-1]
	}
	return r.entries, s.last.version(), nil
}

// Append adds the whole batch or nothing, and only if the journal is still at version: else journal.ErrConflict.
func (s *Store) Append(ctx context.Context, version string, batch []journal.Entry) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.last.version() != version {
		return "", fmt.Errorf("append to the journal of %s: at %q instead of %q: %w", s.plan, s.last.version(), version, journal.ErrConflict)
	}
	if len(batch) == 0 {
		return version, nil
	}
	parts, err := encode(s.count, batch)
	if err != nil {
		return "", err
	}
	for _, part := range parts {
		if err := s.add(ctx, part); err != nil {
			if errors.Is(err, phase.ErrMoved) {
				err = fmt.Errorf("%w (%w)", journal.ErrConflict, err)
			}
			return "", fmt.Errorf("append to the journal of %s in %s: %w", s.plan, s.api.Env(), err)
		}
	}
	s.count += len(batch)
	return s.last.version(), nil
}

// add puts one member at the end: into the last segment, or, if that is sealed, into a new one. A segment is sealed by
// the very write that fills it. So at any version there is exactly one write that can follow, the update of the one
// segment or the creation of the other, and of two writers one finds that it moved.
func (s *Store) add(ctx context.Context, member []byte) error {
	last := s.last
	if last != nil && !last.sealed {
		next := last.with(member)
		made, err := s.api.Update(ctx, next.object(s.namespace, s.plan))
		return s.took(next, made, err)
	}
	next := (&segment{}).with(member)
	if last != nil {
		next.n = last.n + 1
	}
	made, err := createIn(ctx, s.api, s.namespace, s.plan, next.object(s.namespace, s.plan))
	return s.took(next, made, err)
}

func (s *Store) took(seg *segment, made *unstructured.Unstructured, err error) error {
	if err != nil {
		return err
	}
	seg.rv = made.GetResourceVersion()
	s.last = seg
	return nil
}

// segments reads all of them, in order, and makes sure that none is missing.
func (s *Store) segments(ctx context.Context) ([]*segment, error) {
	found, err := s.api.Find(ctx, kube.ConfigMap, s.namespace, labelState+"=journal,"+kube.LabelPlan+"="+s.plan)
	if err != nil {
		return nil, err
	}
	segments := make([]*segment, len(found))
	for _, u := range found {
		seg, err := parse(u, s.plan)
		if err != nil {
			return nil, err
		}
		if seg.n >= len(found) || segments[seg.n] != nil {
			return nil, fmt.Errorf("%d segments, but one is called %s: one is missing", len(found), u.GetName())
		}
		segments[seg.n] = seg
	}
	return segments, nil
}

func segmentName(plan string, n int) string { return "cutover-" + plan + "-journal-" + strconv.Itoa(n) }

func segmentNumber(plan, name string) (int, error) {
	digits, ok := strings.CutPrefix(name, "cutover-"+plan+"-journal-")
	n, err := strconv.Atoi(digits)
	if !ok || err != nil || n < 0 {
		return 0, fmt.Errorf("ConfigMap %s is labelled as a part of the journal, but is not called like one", name)
	}
	return n, nil
}
