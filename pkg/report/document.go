// Package report turns what happened into what people read: lines while it runs, a table of a plan, a JSON document, a
// Markdown summary, and after a failure what to do. It judges nothing and holds no secret: whoever reads a secret masks it
// before it gets here. All foreign text is made harmless here, for a terminal or for Markdown.
package report

import (
	"encoding/json"
	"io"
	"strings"
	"time"

	"cutover.dev/cutover/pkg/engine"
	"cutover.dev/cutover/pkg/fault"
	"cutover.dev/cutover/pkg/phase"
)

// Document is the result of one run of one verb. Its JSON form is part of the public contract: fields are added, never
// renamed.
type Document struct {
	Verb      string     `json:"verb"`
	Phase     string     `json:"phase,omitempty"`
	Result    string     `json:"result"` // see Result
	Plan      string     `json:"plan,omitempty"`
	Digest    string     `json:"digest,omitempty"`
	Started   time.Time  `json:"started"`
	Seconds   float64    `json:"seconds"`
	Mutated   bool       `json:"mutated"` // something may have been changed
	Steps     []Step     `json:"steps,omitempty"`
	Gates     []Gate     `json:"gates,omitempty"`
	Requests  []Requests `json:"requests,omitempty"`
	Database  *Database  `json:"database,omitempty"` // where the primary of the replica set moved
	Link      *Link      `json:"link,omitempty"`     // which side reaches what
	NotBefore time.Time  `json:"notBefore,omitzero"`
	Next      string     `json:"next,omitempty"`      // the phase that comes next
	Approval  string     `json:"approval,omitempty"`  // what must approve it
	Following string     `json:"following,omitempty"` // the phase beyond spec.through, once everything within it is done
	Proposal  string     `json:"proposal,omitempty"`  // the address of the pull request that moves spec.through on to it
	Served    []Served   `json:"served,omitempty"`
	Residual  []Late     `json:"residual,omitempty"`  // what came to old's entry since names lead to new
	Uncounted string     `json:"uncounted,omitempty"` // why that could not be counted

	// WayBack is in words what going back costs from here: of a plan once the phase has run, of a run that is done.
	WayBack string `json:"wayBack,omitempty"`

	// Back is what going back to the phase that was named would take back, newest first.
	Back []string `json:"back,omitzero"`

	// Adopted is what adopt took into the frozen inventory.
	Adopted []string `json:"adopted,omitempty"`

	// Unapproved are phases that ran without the approval that the plan demanded, each with why.
	Unapproved []string `json:"unapproved,omitempty"`

	Error     *Failure `json:"error,omitempty"`
	GoOn      string   `json:"goOn,omitempty"`    // the exact command, or button, to go on
	Journal   string   `json:"journal,omitempty"` // the file that the journal was exported to
	GoBack    string   `json:"goBack,omitempty"`  // and to go back
	Truncated bool     `json:"truncated,omitempty"`
}

// Step is one step of the phase as this run left it.
type Step struct {
	ID     string `json:"id"`
	Title  string `json:"title"`
	Group  string `json:"group,omitempty"`
	State  string `json:"state"` // see the States
	Detail string `json:"detail,omitempty"`
	Diff   string `json:"diff,omitempty"`
	Final  string `json:"final,omitempty"` // why there is no way back

	// Facts are what the clusters showed of its objects after a failure. Each is an observation, none a conclusion.
	Facts []string `json:"facts,omitempty"`
}

// The states of a Step. In a plan, "done" is what is there already.
const (
	Pending   = "pending"
	Settling  = "settling"
	Done      = "done"
	Failed    = "failed"
	Unsure    = "unsure" // could not tell
	Proof     = "proof"  // a step that changes nothing, in a plan
	Reverting = "reverting"
	Reverted  = "reverted"
	Left      = "left" // not taken back: its environment is gone
)

// Gate is one proof that was asked before anything was written.
type Gate struct {
	ID     string `json:"id"`
	Title  string `json:"title"`
	State  string `json:"state"`
	Detail string `json:"detail,omitempty"`
}

// Served says who answers one path of one host now.
type Served struct {
	Host    string `json:"host"`
	Path    string `json:"path"`
	Service string `json:"service"`
	By      string `json:"by"`             // old: directly; proxy: old, through new; new; "": could not tell
	Tail    bool   `json:"tail,omitempty"` // late clients of old's entry are sent on to new
}

// Failure is what went wrong.
type Failure struct {
	Message string   `json:"message"`
	Hints   []string `json:"hints,omitempty"`
	Code    int      `json:"code"`
}

// Fail puts err, its hints and its exit code into d, and sets its result. A nil err is a success.
func (d *Document) Fail(err error) {
	d.Result = Result(fault.CodeOf(err))
	if err != nil {
		d.Error = &Failure{Message: err.Error(), Hints: fault.Hints(err), Code: int(fault.CodeOf(err))}
	}
}

// Result is the word for an exit code, in documents and in the action's output of that name.
func Result(code fault.Code) string {
	switch code {
	case fault.OK:
		return "done"
	case fault.Usage:
		return "invalid"
	case fault.Refused:
		return "refused"
	case fault.Broken:
		return "failed"
	case fault.Stuck:
		return "stuck"
	case fault.Locked:
		return "locked"
	case fault.Unsure:
		return "unsure"
	case fault.Waiting:
		return "waiting"
	case fault.Cancelled:
		return "cancelled"
	default:
		return "error"
	}
}

// JSON writes d as one indented document.
func (d Document) JSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(d)
}

// Planned makes the steps of a document out of the lines of a plan.
func Planned(lines []engine.Line) []Step {
	var out []Step
	for _, l := range lines {
		s := Step{
			ID: l.Step.ID, Title: l.Step.Title, Group: l.Group, State: stateOf(l.Seen.State), Detail: l.Seen.Detail,
			Diff: l.Seen.Diff, Final: l.Step.Final,
		}
		switch {
		case l.Err != nil:
			s.State, s.Detail = Unsure, l.Err.Error()
		case l.Step.Apply == nil && l.Seen.Detail == "":
			s.State = Proof
		}
		out = append(out, s)
	}
	return out
}

func stateOf(s phase.State) string { return s.String() }

// count returns how many steps are in each state.
func count(steps []Step) map[string]int {
	n := map[string]int{}
	for _, s := range steps {
		n[s.State]++
	}
	return n
}

func (d Document) title() string {
	return strings.TrimSpace(d.Verb + " " + d.Phase)
}
