package path

import "fmt"

// Join is the move that adds host without vote and priority, hidden; it stays where host is a member already, whatever
// else it became since. seen is the highest _id that any run ever saw in the set: one that was removed is not used again.
func Join(c Config, host, primary string, seen int) (Move, error) {
	if c.index(host) >= 0 {
		return Move{}, nil
	}
	for _, m := range c.Members {
		seen = max(seen, m.ID)
	}
	after := c.clone()
	after.Version++
	after.Members = append(after.Members, Member{ID: seen + 1, Host: host, Hidden: true})
	if n := len(after.Members); n > maxMembers {
		return Move{}, fmt.Errorf("add %s: %w: it would be member number %d, the server allows %d", host, ErrUnsafe, n, maxMembers)
	}
	return member(c, after, primary, "add "+host)
}

// Leave is the move that removes host, which must not vote any more; it stays where host is no member.
func Leave(c Config, host, primary string) (Move, error) {
	i := c.index(host)
	if i < 0 {
		return Move{}, nil
	}
	if m := c.Members[i]; m.Votes > 0 || m.Priority > 0 {
		return Move{}, fmt.Errorf("remove %s: %w: it still has a vote; bring the votes to the other side first", host, ErrUnsafe)
	}
	after := c.clone()
	after.Version++
	after.Members = append(after.Members[:i], after.Members[i+1:]...)
	return member(c, after, primary, "remove "+host)
}

func member(before, after Config, primary, what string) (Move, error) {
	if primary == "" {
		return Move{}, fmt.Errorf("%s: %w", what, ErrNoPrimary)
	}
	if err := Safe(before, after, primary); err != nil {
		return Move{}, fmt.Errorf("%s: %w", what, err)
	}
	return Move{Do: Reconfig, After: after, Changes: Diff(before, after)}, nil
}
