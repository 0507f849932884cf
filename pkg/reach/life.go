package reach

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"

	"cutover.dev/cutover/pkg/fault"
	"cutover.dev/cutover/pkg/kube"
)

// startWithin is how long a relay may take until it runs: to be placed, and its image to be pulled.
const startWithin = 2 * time.Minute

const lookEvery = 250 * time.Millisecond

var listenAt = net.JoinHostPort("127.0.0.1", strconv.Itoa(Port))

// Options of a Pod.
type Options struct {
	Cluster                *kube.Cluster
	Plan, Namespace, Image string
	Allow                  []string // as NewServer takes it
	Of                     string   // OfRun or OfLook
	Run                    string   // as the journal names it

	// Tunnel leads to a port of a pod; nil is Cluster's.
	Tunnel func(ns, pod string, port int) Tunnel
}

// Tunnel opens streams to one port of one pod.
type Tunnel interface {
	Dial(ctx context.Context) (net.Conn, error)
	Close()
}

// Pod is the Way to a relay in a cluster: it makes the pod when it is needed first, and another one when that is gone. Make it
// with NewPod, and call Remove at the end.
type Pod struct {
	o     Options
	token string

	mu       sync.Mutex
	name     string
	uid      types.UID
	tunnel   Tunnel    // to it; nil: there is no pod yet
	sure     bool      // it ran when it was last asked, and nothing broke since
	starting *starting // nil: nobody is at it
	removed  bool
}

// starting is one attempt to have a pod that runs, which whoever needs it waits for.
type starting struct {
	done chan struct{}
	err  error
}

// NewPod makes a Way with a token of its own, and its Dialer.
func NewPod(o Options) (*Pod, *Relay) {
	if o.Tunnel == nil {
		o.Tunnel = func(ns, pod string, port int) Tunnel { return o.Cluster.Tunnel(ns, pod, port) }
	}
	p := &Pod{o: o, token: rand.Text()}
	return p, NewRelay(o.Cluster.Env(), p.token, p)
}

// Open is Way's.
func (p *Pod) Open(ctx context.Context) (net.Conn, error) {
	tunnel, err := p.start(ctx)
	if err != nil {
		return nil, err
	}
	conn, err := tunnel.Dial(ctx)
	if err != nil {
		return nil, &BrokenError{err}
	}
	return conn, nil
}

// Doubt is Way's.
func (p *Pod) Doubt() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sure = false
}

// Start has a pod run, and makes one if there is none. What it began goes on when ctx ends: a question of four seconds may need
// a pod that takes longer.
func (p *Pod) Start(ctx context.Context) error {
	_, err := p.start(ctx)
	return err
}

func (p *Pod) start(ctx context.Context) (Tunnel, error) {
	p.mu.Lock()
	if p.removed {
		p.mu.Unlock()
		return nil, fault.New(fault.Unsure, "", "the relay in %s was removed already", p.o.Cluster.Env())
	}
	if p.sure {
		defer p.mu.Unlock()
		return p.tunnel, nil
	}
	s := p.starting
	if s == nil {
		s = &starting{done: make(chan struct{})}
		p.starting = s
		go p.settle(context.WithoutCancel(ctx), s)
	}
	p.mu.Unlock()
	select {
	case <-s.done:
	case <-ctx.Done():
		return nil, fmt.Errorf("wait for the relay in %s: %w", p.o.Cluster.Env(), context.Cause(ctx))
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.tunnel, s.err
}

func (p *Pod) settle(ctx context.Context, s *starting) {
	ctx, cancel := context.WithTimeout(ctx, startWithin)
	defer cancel()
	err := p.run(ctx)
	p.mu.Lock()
	defer p.mu.Unlock()
	if err != nil {
		s.err = fmt.Errorf("start the relay in %s: %w", p.o.Cluster.Env(), err)
	}
	p.sure, p.starting = err == nil && !p.removed, nil
	close(s.done)
}

// run waits until the pod runs. One that is over is replaced once.
func (p *Pod) run(ctx context.Context) error {
	why := ""
	for made := false; ; {
		p.mu.Lock()
		name, removed := p.name, p.removed
		p.mu.Unlock()
		if removed {
			return errGone
		}
		now := over
		if name != "" {
			u, err := p.o.Cluster.Read(ctx, kube.Pod, p.o.Namespace, name)
			switch {
			case apierrors.IsNotFound(err):
			case err != nil:
				return late(ctx, err, why)
			default:
				now, why = look(u)
			}
		}
		switch {
		case now == running:
			return nil
		case now == over && made:
			return fault.New(fault.Unsure, p.hint(), "pod %s/%s ended: %s", p.o.Namespace, name, why)
		case now == over:
			made = true
			if err := p.replace(ctx); err != nil {
				return err
			}
		}
		select {
		case <-time.After(lookEvery):
		case <-ctx.Done():
			return late(ctx, fault.New(fault.Unsure, p.hint(), "pod %s/%s does not run after %s", p.o.Namespace, name, startWithin), why)
		}
	}
}

func (p *Pod) hint() string {
	return "the image has to be one that " + p.o.Cluster.Env() + " can pull, and the namespace has to let such a pod in (spec.clusters." + p.o.Cluster.Env() + ".relay)"
}

func late(ctx context.Context, err error, why string) error {
	if ctx.Err() == nil || why == "" {
		return err
	}
	return fmt.Errorf("%w: it says %s", err, why)
}

// replace makes a pod, and removes the one before.
func (p *Pod) replace(ctx context.Context) error {
	p.mu.Lock()
	before, uid := p.name, p.uid
	p.mu.Unlock()
	if before != "" {
		if err := p.o.Cluster.Delete(ctx, kube.Pod, p.o.Namespace, before, uid); err != nil {
			return err
		}
	}
	u, err := p.pod("cutover-relay-" + strings.ToLower(rand.Text()[:10]))
	if err != nil {
		return err
	}
	made, err := p.o.Cluster.Create(ctx, u)
	if err != nil {
		return p.unmade(err)
	}
	p.mu.Lock()
	p.name, p.uid = made.GetName(), made.GetUID()
	p.hangUp()
	p.tunnel = p.o.Tunnel(p.o.Namespace, p.name, Port)
	gone := p.removed
	p.mu.Unlock()
	if gone { // meanwhile nobody wants it any more
		return errors.Join(errGone, p.o.Cluster.Delete(ctx, kube.Pod, p.o.Namespace, made.GetName(), made.GetUID()))
	}
	return nil
}

var errGone = errors.New("the run is over")

func (p *Pod) unmade(err error) error {
	ns := p.o.Namespace
	if apierrors.IsNotFound(err) {
		return fault.Wrap(fault.Refused, "kubectl create namespace "+ns+", with nothing else in it, and label it pod-security.kubernetes.io/enforce=restricted; "+
			"cutover rbac prints the role for it", fmt.Errorf("namespace %s is missing in %s: %w", ns, p.o.Cluster.Env(), err))
	}
	return err
}

// Remove takes the pod away. Nothing makes another one after it.
func (p *Pod) Remove(ctx context.Context) error {
	p.mu.Lock()
	p.removed, p.sure = true, false
	p.hangUp()
	starting := p.starting
	p.mu.Unlock()
	if starting != nil { // it may be about to make one
		select {
		case <-starting.done:
		case <-ctx.Done():
		}
	}
	p.mu.Lock()
	name, uid := p.name, p.uid
	p.mu.Unlock()
	if name == "" {
		return nil
	}
	return p.o.Cluster.Delete(ctx, kube.Pod, p.o.Namespace, name, uid)
}

// hangUp wants p.mu to be held.
func (p *Pod) hangUp() {
	if p.tunnel != nil {
		p.tunnel.Close()
	}
}

// Sweep removes what dead runs of a plan left: relays that are over, and, for whoever holds the lock, all that another holder
// of it made. Relays of runs that only look may be at work.
func Sweep(ctx context.Context, c *kube.Cluster, ns, plan string) error {
	found, err := c.Find(ctx, kube.Pod, ns, LabelRelay+","+kube.LabelPlan+"="+plan)
	if err != nil {
		return err
	}
	var errs []error
	for _, u := range found {
		if now, _ := look(u); kube.Ours(u, plan) && (now == over || u.GetLabels()[LabelRelay] == OfRun) && u.GetDeletionTimestamp() == nil {
			errs = append(errs, c.Delete(ctx, kube.Pod, ns, u.GetName(), u.GetUID()))
		}
	}
	return errors.Join(errs...)
}
