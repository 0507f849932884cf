package rig

import (
	"context"
	"sync"
	"time"

	"cutover.dev/cutover/lab/cluster"
	"cutover.dev/cutover/lab/entry"
	"cutover.dev/cutover/lab/mongo"
	"cutover.dev/cutover/lab/objects"
	"cutover.dev/cutover/lab/proc"
	"cutover.dev/cutover/lab/state"
	"cutover.dev/cutover/lab/world"
)

// Result is the answer of one check; Err nil is good.
type Result struct {
	Name string
	Err  error
	Took time.Duration
}

// check is one question about a lab that should be up.
type check struct {
	name string
	look func(context.Context) error
}

// Status asks every question once, at the same time, and answers in a fixed order.
func Status(ctx context.Context, w world.World) []Result {
	file, err := state.Open(statePath(w))
	if err != nil {
		return []Result{{Name: "state", Err: err}}
	}
	checks := processChecks(w, file)
	for _, c := range world.Clusters() {
		more, err := clusterChecks(w, c)
		if err != nil {
			return []Result{{Name: c.Name, Err: err}}
		}
		checks = append(checks, more...)
	}
	checks = append(append(checks, mongoChecks()...), nameChecks(file)...)
	results := make([]Result, len(checks))
	var wait sync.WaitGroup
	for i, one := range checks {
		wait.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
			defer cancel()
			begin := time.Now()
			err := one.look(ctx)
			results[i] = Result{Name: one.name, Err: err, Took: time.Since(begin)}
		})
	}
	wait.Wait()
	return results
}

func processChecks(w world.World, file *state.File) []check {
	var checks []check
	for _, p := range file.Now().Processes {
		checks = append(checks, check{p.Name + " runs", func(context.Context) error {
			return proc.Ended(w, file, p.Name)
		}})
	}
	return checks
}

func clusterChecks(w world.World, c world.Cluster) ([]check, error) {
	client, err := objects.Connect(w.Kubeconfig(c, world.UserAdmin))
	if err != nil {
		return nil, err
	}
	it := cluster.New(c, cluster.Deps{World: w})
	it.Client = client
	checks := []check{
		{c.Name + ": API server is ready", it.APIReady},
		{c.Name + ": node is ready", it.NodeReady},
		{c.Name + ": Services answer", it.ServicesAnswer},
		{c.Name + ": metrics are served", it.MetricsReady},
	}
	if c.Name == world.Old.Name {
		return append(checks, check{"old: Contour is healthy", entry.ContourReady}, check{"old: Envoy is ready", entry.EnvoyReady}), nil
	}
	for _, address := range []string{c.Entry, c.Inner} {
		checks = append(checks, check{c.Name + ": Traefik answers on " + address, func(ctx context.Context) error {
			return entry.TraefikReady(ctx, address)
		}})
	}
	return checks, nil
}

// mongoChecks ask every mongod, and the set as a whole, wherever its primary is by now.
func mongoChecks() []check {
	var checks []check
	for _, m := range mongo.Members(world.Clusters()...) {
		checks = append(checks, check{m.Cluster.Name + ": mongod answers on " + m.Address, func(ctx context.Context) error {
			return mongo.Answers(ctx, m)
		}})
	}
	return append(checks, check{"replica set " + world.ReplicaSet + " takes writes", func(ctx context.Context) error {
		_, err := mongo.Primary(ctx)
		return err
	}})
}
