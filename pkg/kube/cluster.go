package kube

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"

	"cutover.dev/cutover/pkg/fault"
	"cutover.dev/cutover/pkg/phase"
)

// Cluster is one of the two environments. Its methods may be called from many goroutines.
type Cluster struct {
	env      string
	config   *rest.Config
	dynamic  dynamic.Interface
	metadata metadata.Interface
	timeout  time.Duration
	canaries []string
	lent     bool          // it logs in with tokens that it is given, not by the kubeconfig
	renews   bool          // after a 401 it logs in anew by itself
	writers  chan struct{} // one for each write that is on its way

	life  context.Context // ends the views; a Cluster is a connection, so it keeps one
	close context.CancelFunc

	mu    sync.Mutex
	views map[viewKey]*view

	heard  atomic.Int64 // when the API server last gave an answer that shows that it works, in ns since born
	broke  atomic.Int64 // when it last could not be reached, likewise
	born   time.Time    // carries the monotonic clock
	asking sync.Mutex   // one question at a time about whether it is alive
}

func newCluster(ctx context.Context, env string, o Options) *Cluster {
	c := &Cluster{env: env, timeout: o.Timeout, writers: make(chan struct{}, o.Writes), views: map[viewKey]*view{}, born: time.Now()}
	c.life, c.close = context.WithCancel(ctx)
	c.heard.Store(-int64(time.Hour))
	c.broke.Store(-int64(time.Hour))
	return c
}

// Env is "old" or "new".
func (c *Cluster) Env() string { return c.env }

// Canaries are the credentials that the kubeconfig held, for masking.
func (c *Cluster) Canaries() []string { return c.canaries }

// Close ends the views.
func (c *Cluster) Close() { c.close() }

// UID is what identifies a cluster: the uid of its namespace kube-system.
func (c *Cluster) UID(ctx context.Context) (string, error) {
	ns, err := c.Read(ctx, Namespace, "", "kube-system")
	if err != nil {
		return "", fmt.Errorf("identify %s: %w", c.env, err)
	}
	if ns.GetUID() == "" {
		return "", fault.New(fault.Unsure, "", "identify %s: namespace kube-system has no uid", c.env)
	}
	return string(ns.GetUID()), nil
}

var accessReviews = schema.GroupVersionResource{Group: "authorization.k8s.io", Version: "v1", Resource: "selfsubjectaccessreviews"}

// asked is how many access reviews are under way at once.
const asked = 16

// Can asks the API server whether this identity may do each of what concerns this cluster. Every no is in the error.
func (c *Cluster) Can(ctx context.Context, wanted []phase.Access) error {
	denied, err := c.Denied(ctx, wanted)
	if err != nil {
		return err
	}
	var errs []error
	for _, a := range denied {
		errs = append(errs, fault.New(fault.Refused, "grant it: cutover rbac prints the roles, docs/rbac explains them",
			"this identity may not %s in %s", describe(a), c.env))
	}
	return errors.Join(errs...)
}

// Denied lists what of that concerns this cluster and this identity may not do, each once, in the order given.
func (c *Cluster) Denied(ctx context.Context, wanted []phase.Access) ([]phase.Access, error) {
	var own []phase.Access
	seen := map[phase.Access]bool{}
	for _, a := range wanted {
		if a.Env == c.env && !seen[a] {
			seen[a] = true
			own = append(own, a)
		}
	}
	may := make([]bool, len(own))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(asked)
	for i, a := range own {
		group.Go(func() (err error) {
			may[i], err = c.can(ctx, a)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, fmt.Errorf("ask what may be done in %s: %w", c.env, err)
	}
	var denied []phase.Access
	for i, a := range own {
		if !may[i] {
			denied = append(denied, a)
		}
	}
	return denied, nil
}

func describe(a phase.Access) string {
	what := a.Verb + " " + a.Resource
	if a.Group != "" {
		what += "." + a.Group
	}
	if a.Name != "" {
		what += " " + a.Name
	}
	if a.Namespace != "" {
		what += " in namespace " + a.Namespace
	}
	return what
}

func (c *Cluster) can(ctx context.Context, a phase.Access) (bool, error) {
	resource, sub, _ := strings.Cut(a.Resource, "/") // "pods/portforward"
	review, err := From(Kind{Group: accessReviews.Group, Version: accessReviews.Version, Kind: "SelfSubjectAccessReview"},
		&authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{
			ResourceAttributes: &authorizationv1.ResourceAttributes{
				Namespace: a.Namespace, Verb: a.Verb, Group: a.Group, Resource: resource, Subresource: sub, Name: a.Name,
			},
		}})
	if err != nil {
		return false, err
	}
	var answer *unstructured.Unstructured
	err = c.try(ctx, reading, func(ctx context.Context) error { // it stores nothing, so it may be repeated
		answer, err = c.dynamic.Resource(accessReviews).Create(ctx, review, metav1.CreateOptions{})
		return err
	})
	if err != nil {
		return false, err
	}
	allowed, _, err := unstructured.NestedBool(answer.Object, "status", "allowed")
	return allowed, err
}

type terse struct{}

// tersely asks for the metadata as the answer to a write: the resourceVersion is all that is needed of it.
func tersely(ctx context.Context) context.Context { return context.WithValue(ctx, terse{}, true) }

const metadataAnswer = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json"

// listen notes every answer that shows a working API server, and takes Retry-After off the answers to requests that
// this package repeats by itself, or client-go would repeat them too.
func (c *Cluster) listen(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		if r.Context().Value(terse{}) != nil {
			r = r.Clone(r.Context())
			r.Header.Set("Accept", metadataAnswer)
		}
		resp, err := next.RoundTrip(r)
		a, ours := r.Context().Value(attemptKey{}).(*attempt)
		if err != nil && r.Context().Err() == nil {
			c.broke.Store(int64(time.Since(c.born)))
		}
		if err != nil && ours {
			err = snap(err)
		}
		if err != nil {
			return resp, err
		}
		if resp.StatusCode < 500 && resp.StatusCode != http.StatusUnauthorized && resp.StatusCode != http.StatusTooManyRequests {
			c.alive()
		}
		if ours {
			a.after = retryAfter(resp.Header)
			resp.Header.Del("Retry-After")
		}
		return resp, nil
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func (c *Cluster) alive() { c.heard.Store(int64(time.Since(c.born))) }

func (c *Cluster) heardWithin(d time.Duration) bool {
	return time.Since(c.born)-time.Duration(c.heard.Load()) < d
}

// returning is how long an API server that was away may take to know its roles again. Until then it forbids everything.
const returning = 15 * time.Second

// justBack: it could not be reached a moment ago.
func (c *Cluster) justBack() bool {
	return time.Since(c.born)-time.Duration(c.broke.Load()) < returning
}
