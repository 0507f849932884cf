package replsim

import (
	"fmt"
	"strings"
)

// Member is one member of a configuration.
type Member struct {
	ID          int
	Host        string
	Votes       int
	Priority    float64
	Hidden      bool
	Arbiter     bool
	NewlyAdded  bool // it has neither vote nor priority until it has its data
	NoIndexes   bool
	Delay       int64
	BadTags     bool // tags that no configuration may have
	UnknownWord string
}

func (m *Member) votes() int {
	if m.NewlyAdded {
		return 0
	}
	return m.Votes
}

func (m *Member) electable() bool { return m.votes() > 0 && m.Priority > 0 && !m.Arbiter }

// Config is a configuration. One that is installed is never changed.
type Config struct {
	Name          string // of the set
	Identity      string // replicaSetId
	Version, Term int64
	Members       []Member
	Protocol      int64
	Doc           any // whatever the client sent, to be returned to it
}

func (c *Config) find(host string) *Member {
	for i := range c.Members {
		if c.Members[i].Host == host {
			return &c.Members[i]
		}
	}
	return nil
}

func (c *Config) voters() (n int) {
	for i := range c.Members {
		n += c.Members[i].votes()
	}
	return n
}

func (c *Config) majority() int { return c.voters()/2 + 1 }

// newer orders configurations: by term, then by version.
func (c *Config) newer(than *Config) bool {
	return than == nil || c.Term > than.Term || c.Term == than.Term && c.Version > than.Version
}

// implicitOne: the default write concern of the set is 1, not majority.
func (c *Config) implicitOne() bool {
	arbiters, data := 0, 0
	for _, m := range c.Members {
		switch {
		case m.Arbiter:
			arbiters++
		case m.votes() > 0:
			data++
		}
	}
	return arbiters > 0 && data <= c.majority()
}

// parse refuses what is wrong with one member or field by itself.
func (c *Config) parse(set string) *Error {
	bad := func(format string, args ...any) *Error { return fail(93, format, args...) }
	switch {
	case c.Name != set:
		return bad("Rejecting reconfig where new config set name differs from command line set name, new config has set name %s while command line set name is %s", c.Name, set)
	case c.Version <= 0 || c.Version >= 1<<31:
		return bad("version field value of %d is out of range", c.Version)
	case c.Protocol != 0 && c.Protocol != 1:
		return bad("1 is the only supported value for protocolVersion")
	}
	for i := range c.Members {
		m := &c.Members[i]
		switch {
		case m.UnknownWord != "":
			return bad("BSON field 'MemberConfig.%s' is an unknown field.", m.UnknownWord)
		case m.NewlyAdded:
			return bad("Cannot provide newlyAdded field to member config during reconfig.")
		case m.Votes != 0 && m.Votes != 1:
			return bad("votes field value is %d but must be 0 or 1", m.Votes)
		case m.Priority < 0 || m.Priority > 1000:
			return bad("priority field value of %g is out of range", m.Priority)
		case m.Arbiter && m.Votes == 0:
			return bad("Arbiter must vote (cannot have 0 votes)")
		case m.Arbiter && m.BadTags:
			return bad("Cannot set tags on arbiters.")
		case m.Priority > 0 && m.Votes == 0:
			return bad("priority must be 0 when non-voting (votes:0)")
		case m.Priority > 0 && m.Hidden:
			return bad("priority must be 0 when hidden=true")
		case m.Priority > 0 && m.Delay > 0:
			return bad("priority must be 0 when secondaryDelaySecs is used")
		case m.Priority > 0 && m.NoIndexes:
			return bad("priority must be 0 when buildIndexes=false")
		}
	}
	return nil
}

// check refuses what is wrong with the members together.
func (c *Config) check() *Error {
	bad := func(format string, args ...any) *Error { return fail(103, format, args...) }
	if n := len(c.Members); n < 1 || n > 50 {
		return bad("Replica set configuration contains %d members, but must have at least 1 and no more than  50", n)
	}
	local, electable := 0, 0
	for i, m := range c.Members {
		for j := range i {
			if o := c.Members[j]; o.ID == m.ID {
				return bad("Found two member configurations with same _id field, members.%d._id == members.%d._id == %d", j, i, m.ID)
			} else if o.Host == m.Host {
				return bad("Found two member configurations with same host field, members.%d.host == members.%d.host == %s", j, i, m.Host)
			}
		}
		if isLocal(m.Host) {
			local++
		}
		if m.electable() {
			electable++
		}
	}
	switch v := c.voters(); {
	case local > 0 && local < len(c.Members):
		return bad("Either all host names in a replica set configuration must be localhost references, or none must be; found %d out of %d", local, len(c.Members))
	case v < 1 || v > 7:
		return bad("Replica set configuration contains %d voting members, but must be at least 1 and no more than 7", v)
	case electable == 0:
		return bad("Replica set configuration must contain at least one non-arbiter member with priority > 0")
	}
	return nil
}

// isLocal: the name means whoever looks it up, to the server.
func isLocal(host string) bool {
	return strings.HasPrefix(host, "localhost:") || strings.HasPrefix(host, "127.") || strings.HasPrefix(host, "[::1]:")
}

// follows refuses what may not come after old in one step.
func (c *Config) follows(old *Config, force bool) *Error {
	bad := func(format string, args ...any) *Error { return fail(103, format, args...) }
	if !force && !c.newer(old) {
		return bad("New replica set configuration version and term must be greater than old, but {version: %d, term: %d} is not greater than {version: %d, term: %d} for replica set %s",
			c.Version, c.Term, old.Version, old.Term, c.Name)
	}
	if c.Identity != old.Identity {
		return bad("New and old configurations differ in replica set ID; old was %s, and new is %s", old.Identity, c.Identity)
	}
	changed := 0
	for _, m := range old.Members {
		for _, is := range c.Members {
			if is.Host == m.Host && is.ID != m.ID {
				return bad("New and old configurations both have members with host of %s but in the new configuration the _id field is %d and in the old configuration it is %d for replica set %s", m.Host, is.ID, m.ID, c.Name)
			}
			if is.ID == m.ID && is.Host == m.Host && (is.Arbiter != m.Arbiter || is.NoIndexes != m.NoIndexes) {
				return bad("New and old configurations differ in the setting of the arbiterOnly or buildIndexes field for member %s; to make this change, remove then re-add the member", m.Host)
			}
		}
		changed += m.votes() ^ votesOf(c, m.ID)
	}
	for _, m := range c.Members {
		if !hasID(old, m.ID) {
			changed += m.Votes
		}
		if m.Arbiter && m.Priority != 0 && !force {
			return bad("Arbiter %s must have priority 0", m.Host)
		}
	}
	if changed > 1 && !force {
		return bad("Non force replica set reconfig can only add or remove at most 1 voting member.")
	}
	return nil
}

func votesOf(c *Config, id int) int {
	for i := range c.Members {
		if c.Members[i].ID == id {
			return c.Members[i].Votes
		}
	}
	return 0
}

func hasID(c *Config, id int) bool {
	for i := range c.Members {
		if c.Members[i].ID == id {
			return true
		}
	}
	return false
}

// self refuses a configuration in which the member that runs the reconfig is not, or could not be primary.
func (c *Config) self(host string, force bool) *Error {
	switch m := c.find(host); {
	case m == nil:
		return fail(74, "No host described in new configuration with {version: %d, term: %d} for replica set %s maps to this node", c.Version, c.Term, c.Name)
	case !m.electable() && !force:
		return fail(104, "This node, %s, with _id %d is not electable under the new configuration with {version: %d, term: %d} for replica set %s", m.Host, m.ID, c.Version, c.Term, c.Name)
	}
	return nil
}

func (c *Config) String() string { return fmt.Sprintf("{version: %d, term: %d}", c.Version, c.Term) }
