package cli

// verbs is the table of all verbs, in the order of the help text.
func verbs() []verb {
	return []verb{
		{Name: "relay", Short: "Answer every request with what was seen of it, as the echo behind the keeper host", Flags: []string{"listen"}, Run: relay},
		{Name: "version", Short: "Print the version", Run: version},
	}
}
