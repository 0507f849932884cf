package replset

import (
	"context"
	"fmt"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// Note writes a no-op into the oplog of the primary, so that a set to which nobody writes has a fresh last write to compare.
// It changes no data.
func (s *Set) Note(ctx context.Context, primary, why string) error {
	_, err := s.Node(primary).ask(ctx, true, bson.D{{Key: "appendOplogNote", Value: 1}, {Key: "data", Value: bson.D{{Key: "cutover", Value: why}}}})
	return err
}

// lagEvery is how often a member is asked while its lag is measured.
const lagEvery = 20 * time.Millisecond

// Lag measures how long each of hosts takes until it has the write that is the primary's last one now. No clock of a member is
// used, and none has to be right. A member that does not get there within limit is reported with limit.
func (s *Set) Lag(ctx context.Context, primary string, hosts []string, limit time.Duration) (map[string]time.Duration, error) {
	h, err := s.Node(primary).Hello(ctx)
	if err != nil {
		return nil, err
	}
	if !h.Writable {
		return nil, fmt.Errorf("measure the lag: %s accepts no writes any more", primary)
	}
	type answer struct {
		host string
		lag  time.Duration
		err  error
	}
	answers := make(chan answer, len(hosts))
	for _, host := range hosts {
		go func() {
			lag, err := s.reaches(ctx, host, h.Last, h.At, limit)
			answers <- answer{host, lag, err}
		}()
	}
	out := map[string]time.Duration{}
	for range hosts {
		a := <-answers
		if a.err != nil && err == nil {
			err = a.err
		}
		out[a.host] = a.lag
	}
	if err != nil {
		return nil, err
	}
	return out, nil
}

func (s *Set) reaches(ctx context.Context, host string, want OpTime, from time.Time, limit time.Duration) (time.Duration, error) {
	tick := time.NewTicker(lagEvery)
	defer tick.Stop()
	for {
		h, err := s.Node(host).Hello(ctx)
		if err != nil {
			return 0, err
		}
		if h.Last.Compare(want) >= 0 {
			return max(h.At.Sub(from), 0), nil
		}
		if time.Since(from) > limit {
			return limit, nil
		}
		select {
		case <-ctx.Done():
			return 0, context.Cause(ctx)
		case <-tick.C:
		}
	}
}
