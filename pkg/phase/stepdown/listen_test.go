package stepdown

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"
)

const (
	starved     = 5 * time.Second // of the ten after which a member takes another one for gone
	listenEvery = 250 * time.Millisecond
)

// listen asks every member from its own side of the link how it is. What it returns ends that, and says for how long one of them was
// not heard at most: then it was the machine and not the link that kept the members from each other.
func (g *journey) listen(t *testing.T) func() time.Duration {
	ctx, cancel := context.WithCancel(t.Context())
	var mu sync.Mutex
	var loops sync.WaitGroup
	longest := time.Duration(0)
	for _, host := range slices.Concat(g.old, g.fresh) {
		loops.Go(func() {
			for last := time.Now(); ctx.Err() == nil; time.Sleep(listenEvery) {
				_, err := g.d.Mongo.Node(host).Hello(ctx)
				mu.Lock()
				longest = max(longest, time.Since(last))
				mu.Unlock()
				if err == nil {
					last = time.Now()
				}
			}
		})
	}
	return func() time.Duration {
		cancel()
		loops.Wait()
		return longest
	}
}
