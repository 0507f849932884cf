package join

import (
	"fmt"
	"strings"

	"cutover.dev/cutover/pkg/replset"
)

// joinedFact is the _id under which a member was SECONDARY once. An _id is never used again, so the fact is of this membership.
const joinedFact = "join.joined/"

// asSeen is a member in the eyes of the primary.
func asSeen(v replset.View, host string) (replset.Peer, bool) {
	if p, ok := v.Member(v.Primary); ok {
		return p.Status.Peer(host)
	}
	return replset.Peer{}, false
}

// stranger says why a member that was added never became one, "" if it did or may still. A primary that was restarted while the
// link is cut knows nothing of a member that is long since one, so its word counts only where nobody else knows better.
func (m *member) stranger(v replset.View) (string, error) {
	bad := strange(v, m.host)
	if bad == "" || takesPart(v, m.host) {
		return "", nil
	}
	var id int64
	known, err := m.past.Fact(joinedFact+m.host, &id)
	if err != nil {
		return "", fmt.Errorf("read fact %s: %w", joinedFact+m.host, err)
	}
	if is, in := v.Config.Member(m.host); known && in && is.ID == id {
		return "", nil
	}
	return bad, nil
}

// strange is what the primary says against a member: it never sent a heartbeat, or what answers is something else. When the
// primary itself last asked tells nothing: servers count a question that failed.
func strange(v replset.View, host string) string {
	p, ok := asSeen(v, host)
	switch {
	case !ok || p.Healthy:
		return ""
	case p.Unauthenticated:
		return "it has another keyFile"
	case strings.Contains(p.Message, "replica set IDs do not match"):
		return "it belongs to a replica set of its own with the same name"
	case p.HeardFrom.Unix() <= 0:
		return strings.TrimSpace("the primary never heard it: " + p.Message)
	}
	return ""
}

// takesPart: somebody saw a member take part in this set, or it says so itself.
func takesPart(v replset.View, host string) bool {
	for _, other := range v.Members {
		if p, ok := other.Status.Peer(host); ok && other.StatusErr == nil && !p.Self && (p.Healthy || p.HeardFrom.Unix() > 0) {
			return true
		}
	}
	self, ok := v.Member(host)
	return ok && self.StatusErr == nil && self.ConfigErr == nil && self.Identity != "" && self.Identity == v.Config.Identity()
}
