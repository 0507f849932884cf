package join

import (
	"context"
	"fmt"
	"net"
	"strings"

	"cutover.dev/cutover/pkg/phase/members"
	"cutover.dev/cutover/pkg/plan"
	"cutover.dev/cutover/pkg/replset"
)

// What is asked of the members that are not in the set yet.

// names: each new name resolves and answers, and is no second name of a process that is known.
func (g *asker) names(ctx context.Context) (string, error) {
	v, _, err := g.old(ctx)
	if err != nil {
		return "", err
	}
	process := map[string]string{}
	for _, m := range v.Members {
		if m.Hello.Process != "" {
			process[m.Hello.Process] = m.Host
		}
	}
	absent := g.absent(v)
	for _, host := range absent {
		name, _, err := net.SplitHostPort(host)
		if err != nil {
			return "", no("correct mongodb.new", "%s is no host:port", host)
		}
		if net.ParseIP(name) == nil && !g.d.Mongo.Relayed() {
			if _, err := net.DefaultResolver.LookupHost(ctx, name); err != nil {
				return "", members.NotYet("the name of %s does not resolve: %v (let every member and this job resolve it, or correct mongodb.new)", host, err)
			}
		}
		h, err := g.d.Mongo.Node(host).Hello(ctx)
		switch {
		case replset.Hangs(err):
			return "", members.NotYet("%s hangs: it takes connections and answers nothing (restart it)", host)
		case err != nil:
			return "", members.NotYet("%s does not answer: %v (start it, or correct mongodb.new)", host, err)
		case h.Process == "":
			return "", no("", "%s does not say which process it is; it is no mongod of 4.4 or newer", host)
		}
		if other := process[h.Process]; other != "" {
			return "", no("give each member one name, the same everywhere", "%s and %s are the same process", other, host)
		}
		process[h.Process] = host
	}
	return fmt.Sprintf("%d names lead to processes of their own", len(absent)), nil
}

// fresh: a member that was initiated on its own would be taken, and stay a primary of its own.
func (g *asker) fresh(ctx context.Context) (string, error) {
	v, _, err := g.old(ctx)
	if err != nil {
		return "", err
	}
	absent := g.absent(v)
	for _, host := range absent {
		n := g.d.Mongo.Node(host)
		h, err := n.Hello(ctx)
		if err != nil {
			return "", err
		}
		c, _, err := n.Config(ctx, false)
		ours := err == nil && c.Identity() == v.Config.Identity() && c.Name() == v.Config.Name()
		switch {
		case err != nil && replset.CodeOf(err) == 0: // else it said that it has none, or that we may not ask
			return "", err
		case h.Set != "" && ours: // members hear that they were removed from the others, with their next heartbeat
			return "", members.NotYet("%s has not heard yet that it has left the set (see in its log whether it reaches the others)", host)
		case h.Set != "":
			return "", no("start it with an empty folder", "%s is in a replica set of its own already, %s", host, h.Set)
		case !h.Fresh:
			return "", no("start it with --replSet "+v.Config.Name(), "%s was not started for a replica set", host)
		case err == nil && !c.Empty() && !ours:
			return "", no("start it with an empty folder", "%s was a member of another replica set, %s", host, c.Name())
		}
	}
	return fmt.Sprintf("%d new members are in no other set", len(absent)), nil
}

// data: what a member holds is gone once it joins, and the server does not ask.
func (g *asker) data(ctx context.Context) (string, error) {
	v, _, err := g.old(ctx)
	if err != nil {
		return "", err
	}
	var closed []string
	for _, host := range g.absent(v) {
		n := g.d.Mongo.Node(host)
		if c, _, err := n.Config(ctx, false); err == nil && c.Identity() != "" && c.Identity() == v.Config.Identity() {
			continue // it was a member before, and its data is the set's
		}
		names, err := n.Databases(ctx, true)
		if err != nil {
			names, err = n.Databases(ctx, false)
		}
		switch {
		case err != nil && replset.CodeOf(err) == 0: // no answer is no evidence
			return "", err
		case err != nil: // before it is in a set it shows nothing, to nobody
			closed = append(closed, host)
		case len(names) > 0:
			return "", no("start it with an empty folder", "%s holds data that would be lost when it joins: %s", host, strings.Join(names, ", "))
		}
	}
	if len(closed) > 0 && g.d.Plan.Spec.MongoDB.Wipe != plan.Accepted {
		return "", no("where their folders are known to be new, the plan says mongodb.wipe: accepted",
			"whether %s hold data cannot be seen before they are in the set, and when they join it is lost", strings.Join(closed, ", "))
	}
	if len(closed) > 0 {
		return fmt.Sprintf("%d let nobody look; mongodb.wipe is accepted", len(closed)), nil
	}
	return "none holds data", nil
}
