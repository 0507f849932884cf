package cli

// verbs is the table of all verbs, in the order of the help text.
func verbs() []verb {
	return []verb{
		{Name: "validate", Short: "Check a plan without any cluster", Flags: []string{"plan", "output"}, Run: validate},
		{Name: "schema", Short: "Print the JSON schema of a plan", Run: schema},
		{Name: "relay", Short: "Answer every request with what was seen of it, as the echo behind the keeper host", Flags: []string{"listen"}, Run: relay},
		{Name: "action", Args: "[post]", Short: "Run as a step of GitHub Actions, from its inputs", Run: runAction},
		{Name: "version", Short: "Print the version", Run: version},
	}
}
