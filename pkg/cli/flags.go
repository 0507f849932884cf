package cli

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"

	"cutover.dev/cutover/pkg/fault"
)

// errHelp says that help was asked for and given.
var errHelp = errors.New("help was shown")

// flags are all flags of all verbs. Which verb has which is in the table of verbs.
type flags struct {
	Plan, Phase, To, Output, Digest, Reason, Holder, BreakGlass, Listen, Repair, Cluster, Role, Journal, Export, Unapproved, OlderPlan, Evidence, Preview, TokenHash, Allow string

	Irreversible bool
	Now          bool
	given        map[string]bool // by name, what stood on the command line
}

// flagTable defines every flag once.
func flagTable(f *flags) map[string]func(*flag.FlagSet) {
	text := func(into *string, name, value, usage string) func(*flag.FlagSet) {
		return func(s *flag.FlagSet) { s.StringVar(into, name, value, usage) }
	}
	return map[string]func(*flag.FlagSet){
		"plan":          text(&f.Plan, "plan", "", "the committed plan, a `file`"),
		"phase":         text(&f.Phase, "phase", "", "the `phase` that this is about (default: plan and apply take the next one, verify all that are finished; rollback wants it or --to)"),
		"to":            text(&f.To, "to", "", "the `phase` that stays done; everything after it is taken back, newest first"),
		"output":        text(&f.Output, "output", "text", "text or json: what stdout is"),
		"expect-digest": text(&f.Digest, "expect-digest", "", "refuse unless the `digest` of what would run is this"),
		"repair":        text(&f.Repair, "repair", "", "an earlier `phase` whose drift is set right first"),
		"reason":        text(&f.Reason, "reason", "", "why, in `words`, for the journal"),
		"holder":        text(&f.Holder, "holder", "", "the `name` of who holds the lock, as cutover status shows it"),
		"break-glass":   text(&f.BreakGlass, "break-glass", "", "go by old's copy of the journal because new is gone; the `reason`"),
		"journal":       text(&f.Journal, "journal", "", "with --break-glass: what cutover journal export wrote, a `file`, where old's copy is behind it or gone"),
		"export":        text(&f.Export, "export", "", "the `file` that the journal is kept in when cleanup is done (default: cutover-PLAN-journal.jsonl)"),
		"unapproved":    text(&f.Unapproved, "unapproved", "", "run a phase without the approval that the plan demands; the `reason`, which stays in the journal and in every later summary"),
		"older-plan":    text(&f.OlderPlan, "older-plan", "", "go on by a plan that a later one took the place of; the `reason`, for the journal"),
		"evidence":      text(&f.Evidence, "evidence", "", "the report of the run that did the last phase, a `file`"),
		"preview":       text(&f.Preview, "preview", "", "the report of a plan of the next phase, a `file` that may be missing"),
		"cluster":       text(&f.Cluster, "cluster", "", "old or new: the `cluster` that the roles are for"),
		"role":          text(&f.Role, "role", "", "what the identity does, a `role`: run or plan; one that plans only looks, and at no Secret"),
		"listen":        text(&f.Listen, "listen", ":8080", "the `address` to listen on"),
		"token-sha256":  text(&f.TokenHash, "token-sha256", "", "dial for whoever has the token of this `hash`, instead of answering requests"),
		"allow":         text(&f.Allow, "allow", "", "with --token-sha256: a `list` of what may be dialled, tcp/host:port and udp/host:port, with commas"),
		"now": func(s *flag.FlagSet) {
			s.BoolVar(&f.Now, "now", false, "of a rehearsal: do not wait for caches to forget old answers; clients are sent to the old entry meanwhile")
		},
		"allow-irreversible": func(s *flag.FlagSet) {
			s.BoolVar(&f.Irreversible, "allow-irreversible", false, "allow steps that have no way back; plan marks them")
		},
	}
}

// parse reads the flags of the verb. A mistake is a usage error that names the verb's help.
func (c *call) parse(args []string) error {
	set := flag.NewFlagSet(c.verb.Name, flag.ContinueOnError)
	set.SetOutput(io.Discard)
	table := flagTable(&c.flags)
	for _, name := range c.verb.Flags {
		table[name](set)
	}
	hint := "cutover " + c.verb.Name + " -h"
	for {
		if err := set.Parse(args); errors.Is(err, flag.ErrHelp) {
			c.help(set)
			return errHelp
		} else if err != nil {
			return fault.Wrap(fault.Usage, hint, err)
		}
		if set.NArg() == 0 {
			break
		}
		c.args = append(c.args, set.Arg(0)) // flags may stand behind a positional argument
		args = set.Args()[1:]
	}
	if most := len(strings.Fields(c.verb.Args)); len(c.args) > most {
		return fault.New(fault.Usage, hint, "%q is too much", c.args[most])
	}
	c.flags.given = map[string]bool{}
	set.Visit(func(f *flag.Flag) { c.flags.given[f.Name] = true })
	if o := c.flags.Output; o != "" && o != "text" && o != "json" {
		return fault.New(fault.Usage, hint, "--output is text or json, not %q", o)
	}
	return nil
}

func (c *call) help(set *flag.FlagSet) {
	fmt.Fprintf(c.stdout, "Usage: cutover %s\n\n%s.\n", strings.TrimSpace(c.verb.Name+" [flags] "+c.verb.Args), c.verb.Short)
	if len(c.verb.Flags) > 0 {
		fmt.Fprint(c.stdout, "\nFlags:\n")
		set.SetOutput(c.stdout)
		set.PrintDefaults()
	}
	fmt.Fprint(c.stdout, "\n", exitCodes)
}

func (c *call) overview(w io.Writer) {
	fmt.Fprint(w, "Usage: cutover VERB [flags]\n\nMoves a live environment from one Kubernetes cluster to another, one phase per run.\n\nVerbs:\n")
	for _, v := range verbs() {
		fmt.Fprintf(w, "  %-10s %s\n", v.Name, v.Short)
	}
	fmt.Fprint(w, "\ncutover VERB -h lists the flags. Both clusters come from the environment: CUTOVER_OLD_KUBECONFIG and\n"+
		"CUTOVER_NEW_KUBECONFIG, each a path or one line of base64.\n\n", exitCodes)
}

// clean makes text from elsewhere harmless for a terminal: no control characters but the line end.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' || r >= ' ' && r != 0x7f && (r < 0x80 || r > 0x9f) {
			return r
		}
		return '?'
	}, s)
}
