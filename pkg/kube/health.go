package kube

import (
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/util/resourceversion"
	"k8s.io/apimachinery/pkg/watch"
)

// quiet is how long a watch may be without an event or a bookmark before it is no longer believed. API servers send a
// bookmark about once a minute.
const quiet = 150 * time.Second

// health is what is known about the watch of one view.
type health struct {
	mu         sync.Mutex
	broken     error     // why the watch is not running
	from       string    // resourceVersion of the list it runs on; "" = none yet
	heard      time.Time // the last sign of life of the stream
	firstBreak chan struct{}
	breaks     chan struct{} // closed when it breaks; nil while broken
}

func newHealth() *health {
	return &health{firstBreak: make(chan struct{}), breaks: make(chan struct{})}
}

// broke notes the end of a watch, or that there could be none.
func (h *health) broke(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.broken, h.from = err, ""
	if h.breaks == nil {
		return
	}
	close(h.breaks)
	h.breaks = nil
	select {
	case <-h.firstBreak:
	default:
		close(h.firstBreak)
	}
}

// whenBroken is closed when the watch breaks; nil = it is broken now.
func (h *health) whenBroken() <-chan struct{} {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.breaks
}

// listed notes that a full list at a resourceVersion is on its way into the store.
func (h *health) listed(rv string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.broken, h.from, h.heard = nil, rv, time.Now()
	if h.breaks == nil {
		h.breaks = make(chan struct{})
	}
}

func (h *health) sign() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.heard = time.Now()
}

func (h *health) needsList() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.broken != nil
}

// believed: the store has taken in the list, and the watch on it never broke.
func (h *health) believed(store string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.broken == nil && time.Since(h.heard) < quiet && reached(store, h.from)
}

// reached: a store at resourceVersion has contains everything up to wanted.
func reached(has, wanted string) bool {
	order, err := resourceversion.CompareResourceVersion(has, wanted)
	return err == nil && order >= 0
}

// overheard passes a watch on, event by event.
type overheard struct {
	watch.Interface
	out  chan watch.Event
	stop chan struct{}
	once sync.Once
}

// overhear calls hear before each event is passed on, and ended when the stream ends for whatever reason.
func overhear(w watch.Interface, hear func(watch.Event), ended func()) watch.Interface {
	o := &overheard{Interface: w, out: make(chan watch.Event), stop: make(chan struct{})}
	go func() {
		defer close(o.out)
		defer ended()
		for e := range w.ResultChan() {
			hear(e)
			select {
			case o.out <- e:
			case <-o.stop:
				return
			}
		}
	}()
	return o
}

func (o *overheard) ResultChan() <-chan watch.Event { return o.out }

func (o *overheard) Stop() {
	o.once.Do(func() { close(o.stop) })
	o.Interface.Stop()
}
