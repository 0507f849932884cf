package cli

// verbs is the table of all verbs, in the order of the help text.
func verbs() []verb {
	return []verb{
		{Name: "validate", Short: "Check a plan without any cluster", Flags: []string{"plan", "output"}, Run: validate},
		{Name: "plan", Short: "Show what a phase would do; writes nothing", Flags: []string{"plan", "phase", "expect-digest", "older-plan", "output"}, Run: showPlan},
		{
			Name: "apply", Short: "Run one phase, or go on where an earlier run stopped",
			Flags: []string{"plan", "phase", "expect-digest", "allow-irreversible", "now", "repair", "reason", "unapproved", "older-plan", "export", "output"}, Run: apply,
		},
		{
			Name: "rollback", Short: "Take phases back, newest first",
			Flags: []string{"plan", "to", "phase", "reason", "break-glass", "journal", "output"}, Run: rollback,
		},
		{Name: "recover", Short: "End what an earlier run left half-way", Flags: []string{"plan", "older-plan", "output"}, Run: recoverOpen},
		{Name: "status", Short: "Show where the migration stands", Flags: []string{"plan", "to", "break-glass", "output"}, Run: status},
		{Name: "verify", Short: "Look whether what is finished still holds", Flags: []string{"plan", "phase", "output"}, Run: verify},
		{Name: "next", Short: "Say which phase comes next, who approves it, and its digest", Flags: []string{"plan", "output"}, Run: next},
		{Name: "adopt", Short: "Take what changed in old into the frozen inventory", Flags: []string{"plan", "reason", "older-plan", "output"}, Run: adopt},
		{Name: "unlock", Short: "Show who holds the lock, and take it from who is named", Flags: []string{"plan", "holder", "break-glass", "output"}, Run: unlock},
		{Name: "journal", Args: "[export|show]", Short: "Show the journal, or export it and the frozen inventory into one file", Flags: []string{"plan", "break-glass", "output"}, Run: showJournal},
		{Name: "preflight", Short: "Look whether the GitHub environments of spec.approvals are gates", Flags: []string{"plan", "output"}, Run: preflight},
		{Name: "propose", Short: "Open the pull request that moves spec.through on to the next phase, or bring it up to date", Flags: []string{"plan", "evidence", "preview", "output"}, Run: propose},
		{Name: "rbac", Short: "Print the roles that an identity needs for a plan", Flags: []string{"plan", "cluster", "role"}, Run: printRoles},
		{Name: "schema", Short: "Print the JSON schema of a plan", Run: schema},
		{Name: "relay", Short: "Answer every request with what was seen of it, as the echo behind the keeper host, or dial from inside a cluster", Flags: []string{"listen", "token-sha256", "allow"}, Run: relay},
		{Name: "action", Args: "[post]", Short: "Run as a step of GitHub Actions, from its inputs", Run: runAction},
		{Name: "version", Short: "Print the version", Run: version},
	}
}
