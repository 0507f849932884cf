package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"cutover.dev/cutover/lab/mongo"
	"cutover.dev/cutover/lab/ready"
	"cutover.dev/cutover/lab/world"
)

// What is done here to the set is done by hand, as one would without the tool.

const frozenFor = 10 // seconds in which a primary that stepped down does not stand again

// stepDown lets the primary step down, and waits until a member in that cluster takes writes.
func (m *measuring) stepDown(ctx context.Context, to world.Cluster) error {
	primary, err := mongo.Primary(ctx)
	if err != nil {
		return err
	}
	command := bson.D{{Key: "replSetStepDown", Value: frozenFor}, {Key: "secondaryCatchUpPeriodSecs", Value: frozenFor - 1}}
	if err := mongo.As(ctx, m.world, primary, command, nil); err != nil {
		return err
	}
	return takesWrites(ctx, to)
}

func takesWrites(ctx context.Context, in world.Cluster) error {
	return ready.Until(ctx, "a member in "+in.Name+" that takes writes", time.Minute, func(ctx context.Context) error { return mongo.TakesWrites(ctx, in) })
}

// standAgain lets every member stand for primary at once: one that stepped down does not for its time, which the tool makes two
// minutes, and then the one that is to take over waits.
func (m *measuring) standAgain(ctx context.Context) error {
	primary, err := mongo.Primary(ctx)
	if err != nil {
		return err
	}
	var errs []error
	for _, member := range mongo.Members(world.Clusters()...) {
		if member.Host() == primary.Host() { // it stands, and would refuse
			continue
		}
		if err := mongo.As(ctx, m.world, member, bson.D{{Key: "replSetFreeze", Value: 0}}, nil); err != nil {
			errs = append(errs, fmt.Errorf("let %s stand again: %w", member.Host(), err))
		}
	}
	return errors.Join(errs...)
}

// prefer gives one new member a vote and the highest priority, and waits until it takes over.
func (m *measuring) prefer(ctx context.Context) error {
	if err := m.standAgain(ctx); err != nil {
		return err
	}
	if err := m.one(ctx, map[string]any{"votes": 1, "priority": 2, "hidden": false}); err != nil {
		return err
	}
	return takesWrites(ctx, world.New)
}

// unprefer lets an old member take over again, and makes the new one what it was.
func (m *measuring) unprefer(ctx context.Context) error {
	if err := m.standAgain(ctx); err != nil {
		return err
	}
	if err := m.one(ctx, map[string]any{"priority": 0.5}); err != nil {
		return err
	}
	if err := m.stepDown(ctx, world.Old); err != nil {
		return err
	}
	return m.one(ctx, map[string]any{"votes": 0, "priority": 0, "hidden": true})
}

// one changes the first member of new.
func (m *measuring) one(ctx context.Context, fields map[string]any) error {
	first := mongo.Members(world.New)[0].Host()
	return mongo.Reconfigure(ctx, m.world, func(host string) map[string]any {
		if host == first {
			return fields
		}
		return nil
	})
}

// reconfigs is how long as many changes of the configuration take as the phase makes, without anything else.
func (m *measuring) reconfigs(ctx context.Context) (time.Duration, error) {
	began := time.Now()
	for range steps {
		if err := mongo.Reconfigure(ctx, m.world, func(string) map[string]any { return nil }); err != nil {
			return 0, err
		}
	}
	return time.Since(began), nil
}
