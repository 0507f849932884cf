package dns

import (
	"context"
	"fmt"
	"strings"
	"time"

	"cutover.dev/cutover/pkg/phase"
	"cutover.dev/cutover/pkg/phase/names"
	"cutover.dev/cutover/pkg/phase/parts"
	caches "cutover.dev/cutover/pkg/zone/ttl"
)

// ripeProof waits until no cache can hold an answer with a TTL of before the phase ttl.
func ripeProof(d Deps, past phase.Past, s names.Scope) phase.Step {
	return phase.Step{
		ID: "wait:ripe/" + s.Zone.Name, Title: "wait until the old TTL of zone " + s.Zone.Name + " has run out in every cache",
		Limit: parts.InProcess + time.Minute, Knob: "dns.ttl",
		Observe: func(context.Context) (phase.Observation, error) {
			var before time.Duration
			var seen time.Time
			for key, into := range map[string]any{names.BeforeFact + s.Zone.Name: &before, names.SeenFact + s.Zone.Name: &seen} {
				if known, err := past.Fact(key, into); err != nil || !known {
					return phase.Observation{State: phase.Failed, Detail: fmt.Sprintf("the phase ttl has left no fact %s, so nobody knows what caches hold", key)}, err
				}
			}
			if seen.IsZero() {
				return phase.Observation{State: phase.Failed, Detail: "zone " + s.Zone.Name + " was never seen with the lowered TTL on every name server"}, nil
			}
			ripe := caches.Ripe(seen, before, names.Margin(d.Plan))
			if o, yes := names.Wait(d, "the TTL of before, "+before.String()+", runs out", seen, ripe); yes {
				return o, nil
			}
			return phase.Observation{State: phase.Done, Detail: "ripe since " + ripe.UTC().Format(time.RFC3339)}, nil
		},
	}
}

// restProof waits until no cache can hold the old address, and looks that the names stay where they were led.
func restProof(d Deps, past phase.Past, s names.Scope) phase.Step {
	return phase.Step{
		ID: "wait:rest/" + s.Zone.Name, Title: "wait until no cache can lead to old by zone " + s.Zone.Name + ", and see that nobody swaps back",
		Limit: parts.InProcess + time.Minute, Knob: "dns.ttl",
		Observe: func(ctx context.Context) (phase.Observation, error) {
			var at time.Time
			key := names.SwappedFact + s.Zone.Name
			if known, err := past.Fact(key, &at); err != nil || !known || at.IsZero() {
				return phase.Observation{State: phase.Settling, Detail: "the swap was not seen on every name server yet"}, err
			}
			seen, err := move(d, past, s).Observe(ctx)
			switch {
			case err != nil:
				return phase.Observation{}, err
			case seen.State == phase.Settling:
				return seen, nil
			case seen.State != phase.Done:
				return swappedBack(s, seen), nil
			}
			end := caches.Ripe(at, time.Duration(names.Seconds(d.Plan))*time.Second, names.Margin(d.Plan))
			if o, yes := names.Wait(d, "the TTL of the old address runs out", at, end); yes {
				return o, nil
			}
			detail := "swapped at " + at.Format(time.RFC3339) + ", and nobody swapped back; " + seen.Detail
			stale, err := names.Strangers(ctx, d, s)
			if err != nil {
				return phase.Observation{}, err
			}
			if len(stale) > 0 { // some keep answers for longer than they may; the old entry serves their clients
				detail += "; a resolver still gives old answers: " + strings.Join(stale, "; ")
			}
			return phase.Observation{State: phase.Done, Detail: detail, Facts: recount(ctx, d, past, s, end)}, nil
		},
	}
}

// forgotten is the wait of the way back: the entry of new serves until no cache can lead to it any more. At limit the step
// ends, and name servers may have taken most of its time before caches were waited for.
func forgotten(d Deps, past phase.Past, s names.Scope, limit time.Time, o phase.Observation) (phase.Observation, error) {
	at, err := backAt(past, s)
	key := names.BackFact + s.Zone.Name
	switch {
	case err != nil:
		return phase.Observation{}, err
	case o.State == phase.Pending && !at.IsZero(): // they were back, and are no longer
		o.Facts = map[string]any{key: time.Time{}}
		return o, nil
	case o.State != phase.Done || d.NewGone: // that entry serves nobody, however long it is waited
		return o, nil
	}
	if at.IsZero() {
		at = time.Now().UTC()
	}
	end := caches.Ripe(at, time.Duration(names.Seconds(d.Plan))*time.Second, names.Margin(d.Plan))
	wait, yes := names.Wait(d, "all name servers lead to old again, and the TTL of the new address runs out", at, end)
	if !yes {
		wait = o
	}
	if wait.State == phase.Settling && time.Until(end) > time.Until(limit)/2 { // the step would run out of time
		wait.NotBefore = end
	}
	wait.Facts = map[string]any{key: at}
	return wait, nil
}

// backAt is when every server first served the old records again; zero: they do not.
func backAt(past phase.Past, s names.Scope) (at time.Time, err error) {
	if past == nil {
		return at, nil
	}
	if _, err = past.Fact(names.BackFact+s.Zone.Name, &at); err != nil {
		err = fmt.Errorf("read fact %s: %w", names.BackFact+s.Zone.Name, err)
	}
	return at, err
}

// keptProof: what was swapped is not swapped again behind the back of who swapped it back. Two that write the same names take
// turns for ever, and clients with them.
func keptProof(d Deps, past phase.Past, s names.Scope) phase.Step {
	return phase.Step{
		ID: "prove:kept/" + s.Zone.Name, Title: "see that nobody swapped the names of zone " + s.Zone.Name + " back",
		Observe: func(ctx context.Context) (phase.Observation, error) {
			_, at, err := swapped(past, s)
			if err != nil {
				return phase.Observation{}, err
			}
			if at.IsZero() {
				return phase.Observation{State: phase.Done, Detail: "they have not been swapped yet"}, nil
			}
			if back, err := backAt(past, s); err != nil || !back.IsZero() {
				return phase.Observation{State: phase.Done, Detail: "a rollback swapped them back, and did not come to its end"}, err
			}
			seen, err := move(d, past, s).Observe(ctx)
			if err != nil || seen.State == phase.Done || seen.State == phase.Settling {
				return phase.Observation{State: phase.Done, Detail: "they lead where they were led"}, err
			}
			return swappedBack(s, seen), nil
		},
	}
}

func swappedBack(s names.Scope, seen phase.Observation) phase.Observation {
	return phase.Observation{State: phase.Failed, Detail: "somebody changed zone " + s.Zone.Name + " after the swap: " + strings.TrimSpace(seen.Detail+"\n"+seen.Diff)}
}

// swapped is whether a swap was begun, and when every server first served the new records; zero: not yet.
func swapped(past phase.Past, s names.Scope) (begun bool, at time.Time, err error) {
	if past == nil {
		return false, at, nil
	}
	begun, err = past.Fact(names.SwappedFact+s.Zone.Name, &at)
	return begun, at, err
}

// resolverProof is asked before the first swap: after it old answers are in caches, and tell nothing. Who died in the swap had asked.
func resolverProof(d Deps, past phase.Past, s names.Scope) phase.Step {
	proof := names.ResolverProof(d, s)
	ask := proof.Observe
	proof.Observe = func(ctx context.Context) (phase.Observation, error) {
		begun, _, err := swapped(past, s)
		switch {
		case err != nil:
			return phase.Observation{}, fmt.Errorf("read fact %s: %w", names.SwappedFact+s.Zone.Name, err)
		case begun:
			return phase.Observation{State: phase.Done, Detail: "was asked before the swap"}, nil
		}
		return ask(ctx)
	}
	return proof
}
