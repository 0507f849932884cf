package writes

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.mongodb.org/mongo-driver/v2/event"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// watch is told by every host, as soon as it changes, whether it takes writes: a member answers a waiting hello at once. It
// costs nothing while nothing changes.
type watch struct {
	clients []*mongo.Client

	mu      sync.Mutex
	takes   map[string]bool
	nobody  time.Time // since when no host takes writes; zero: one does
	before  bool      // one has taken writes before
	without []stretch
}

func watchHosts(hosts []string) (*watch, error) {
	w := &watch{takes: map[string]bool{}, nobody: time.Now()}
	for _, host := range hosts {
		monitor := &event.ServerMonitor{ServerDescriptionChanged: func(e *event.ServerDescriptionChangedEvent) {
			w.heard(host, e.NewDescription.Kind == "RSPrimary", time.Now())
		}}
		o := options.Client().SetHosts([]string{host}).SetDirect(true).SetAppName("lab watch").SetServerMonitor(monitor).SetConnectTimeout(5 * time.Second)
		client, err := mongo.Connect(o)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("watch %s: %w", host, err), w.close())
		}
		w.clients = append(w.clients, client)
	}
	return w, nil
}

// heard is what a host says.
func (w *watch) heard(host string, takes bool, now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.takes[host] = takes
	any := false
	for _, one := range w.takes {
		any = any || one
	}
	switch {
	case any && !w.nobody.IsZero():
		if w.before {
			w.without = append(w.without, stretch{w.nobody, now})
		}
		w.nobody, w.before = time.Time{}, true
	case !any && w.nobody.IsZero():
		w.nobody = now
	}
}

// longest is the longest time without a host that takes writes that touches a window.
func (w *watch) longest(from, to time.Time) time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := stretches{all: w.without}
	if w.before && !w.nobody.IsZero() {
		s.all = append(s.all[:len(s.all):len(s.all)], stretch{w.nobody, to})
	}
	return s.longest(from, to)
}

func (w *watch) close() error {
	var errs []error
	for _, client := range w.clients {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		errs = append(errs, client.Disconnect(ctx))
		cancel()
	}
	return errors.Join(errs...)
}
