package replset

import (
	"context"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// How a primary is asked to step down: it may not be elected again for away, and it tries for catchUp to find somebody who has
// all its writes. catchUp is what a failed attempt costs: for that long the set takes no writes.
const (
	away    = 120 * time.Second
	catchUp = 3 * time.Second
)

// The outcomes of StepDown that its caller tells apart.
const (
	codeLagging     = codeExceededTime // nobody who could be elected has all writes; the primary goes on by itself
	codeSteppedDown = 189
	codeSteppingNow = 117
)

// StepDown asks the primary to hand over. It is sent once and never forced; what became of it is for the caller to look at, whatever
// it returns.
func (s *Set) StepDown(ctx context.Context, primary string) error {
	_, err := s.Node(primary).run(ctx, true, catchUp+askWithin, "admin", bson.D{
		{Key: "replSetStepDown", Value: int32(away / time.Second)},
		{Key: "secondaryCatchUpPeriodSecs", Value: int32(catchUp / time.Second)},
	})
	return err
}

// Lagging reports whether the primary stayed because nobody had all its writes.
func Lagging(err error) bool { return CodeOf(err) == codeLagging }

// NotPrimary reports whether it was none any more.
func NotPrimary(err error) bool { return CodeOf(err) == codeNotWritable }

// Thaw lets a member that stepped down, or was told not to stand, stand again at once.
func (s *Set) Thaw(ctx context.Context, host string) error {
	_, err := s.Node(host).ask(ctx, true, bson.D{{Key: "replSetFreeze", Value: 0}})
	return err
}
