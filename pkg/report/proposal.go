package report

import (
	"fmt"
	"strings"
)

// Proposal is what the pull request for the next phase says.
type Proposal struct {
	From, To string    // phases: spec.through before and after
	Approval string    // the environment that has to approve To, "" = none
	Evidence Document  // of the run that finished From
	Preview  *Document // the plan of To; nil: there is none
	Run      string    // the address of the run that proposes it
}

const (
	forEvidence = 20 << 10 // bytes; what the phase did is for reading up, what comes is what is decided about
	forProposal = 4 << 10  // for what stands around both
)

// String writes it in Markdown with at most MaxComment bytes, and names what it leaves out.
func (p Proposal) String() string {
	past, left, _ := fit(p.Evidence, forEvidence)
	coming, more := "", []string{}
	if p.Preview != nil {
		coming, more, _ = fit(*p.Preview, MaxComment-forProposal-len(past))
	}
	var b strings.Builder
	fmt.Fprintf(&b, "Moves `spec.through` of the plan %s on from %s to **%s**: everything up to %s is done. ", cell(p.Evidence.Plan), cell(p.From), cell(p.To), cell(p.From))
	b.WriteString("A merge begins a run of it")
	if p.Approval != "" {
		fmt.Fprintf(&b, ", which waits for the approval of %s", cell(p.Approval))
	}
	fmt.Fprintf(&b, ".\n\n**What %s would do**\n\n", cell(p.To))
	if p.Preview == nil {
		b.WriteString("Nobody could tell here: read what the check on this pull request shows.\n\n")
	}
	b.WriteString(coming + omitted(more))
	fmt.Fprintf(&b, "**What %s did**\n\n%s%s", cell(p.From), past, omitted(left))
	if p.Run != "" {
		fmt.Fprintf(&b, "All of it is in [the run](%s) that proposes this; a later one changes this text in place.\n", link(p.Run))
	}
	return b.String()
}

// omitted names what does not fit, "" where all does.
func omitted(left []string) string {
	if len(left) == 0 {
		return ""
	}
	return fmt.Sprintf("**Not all of it fits here.** Left out or shortened: %s.\n\n", strings.Join(left, "; "))
}
