package replset

import (
	"fmt"

	"cutover.dev/cutover/pkg/replset/path"
)

// Plan is the configuration as the planner sees it.
func (c Config) Plan() path.Config {
	out := path.Config{Version: c.Version(), Term: c.Term()}
	for _, m := range c.Members() {
		out.Members = append(out.Members, path.Member{
			ID: int(m.ID), Host: m.Host, Votes: m.Votes, Priority: m.Priority, Hidden: m.Hidden, Arbiter: m.Arbiter,
		})
	}
	return out
}

// Live is what the planner has to know of a view.
func (v View) Live() path.Live {
	l := path.Live{Config: v.Config.Plan(), Primary: v.Primary}
	for _, m := range v.Members {
		if m.HelloErr != nil || !m.Hello.Writable && !m.Hello.Secondary {
			l.Down = append(l.Down, m.Host)
		}
	}
	return l
}

// As is c with what the planner wants of each member, every other field as it is.
func (c Config) As(want path.Config) (Config, error) {
	out := c
	for _, change := range path.Diff(c.Plan(), want) {
		switch {
		case change.Remove:
			out = out.Minus(change.Was.Host)
		case change.Add:
			if change.Is.Votes != 0 || change.Is.Priority != 0 || !change.Is.Hidden {
				return Config{}, fmt.Errorf("add %s: a new member begins hidden, without vote and priority", change.Is.Host)
			}
			out = out.Plus(int64(change.Is.ID), change.Is.Host, nil)
		default:
			out = out.With(change.Is.Host, change.Is.Votes, change.Is.Priority, change.Is.Hidden)
		}
	}
	return out, nil
}
