package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"cutover.dev/cutover/pkg/fault"
	"cutover.dev/cutover/pkg/inventory"
	"cutover.dev/cutover/pkg/journal"
	"cutover.dev/cutover/pkg/journal/cluster"
	"cutover.dev/cutover/pkg/phase"
)

// reaching is how long new may take to show that it is not gone.
const reaching = 10 * time.Second

// breakGlass settles that going by old's copy of the journal is right: new is gone, or lost its journal. While new answers
// and has it, that is what counts, and its lock.
func (s *session) breakGlass(ctx context.Context) error {
	if err := s.identity(ctx, false); err != nil {
		return err
	}
	ask, cancel := context.WithTimeout(ctx, reaching)
	defer cancel()
	_, err := s.new.UID(ask)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case fault.CodeOf(err) == fault.Refused:
		return refused("give credentials that new accepts", "new answers, so it is not gone, but does not let us in: %v", err)
	case answered(err):
		return fault.Wrap(fault.Unsure, "run it again; if nothing but a load balancer is left there, give a "+newVariable+" whose address nobody answers at",
			fmt.Errorf("something answers at new's address, so it is not known to be gone: %w", err))
	case err != nil:
		s.gone = true
		s.call.warn("new cannot be reached: what was changed in it stays as it is, and what runs there may go on running; "+
			"its lock cannot be asked either, so make sure that no other run is under way (%v)", err)
		return nil
	}
	if err := s.identity(ctx, true); err != nil {
		return err
	}
	entries, _, err := cluster.New(s.new, s.plan.Spec.State.Namespace, s.plan.Metadata.Name).Load(ctx)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil && fault.CodeOf(err) != fault.Unknown: // forbidden, or no answer: what is damaged has no code
		return err
	case err == nil && len(entries) > 0:
		return refused("leave --break-glass out", "new answers and has the journal, so old's copy does not count")
	}
	s.call.warn("new answers, but its journal is gone or damaged: going by old's copy")
	return nil
}

// withoutNew adds to an error of new that is no answer the command that does the same without new, where the verb has one: who
// goes back because new is gone has to be told here.
func (c *call) withoutNew(err error) error {
	if fault.CodeOf(err) != fault.Unsure || c.flags.BreakGlass != "" || !slices.Contains(c.verb.Flags, "break-glass") {
		return err
	}
	args := slices.Concat(c.args, c.given("to", "phase", "holder"), []string{"--break-glass", "REASON"})
	return fault.Advise(fault.Unsure, err, append(fault.Hints(err), "only if new is gone for good: "+c.command(c.verb.Name, args...)+" does without it, by what is kept in old")...)
}

// answered: an API server, or what stands before it, sent that error.
func answered(err error) bool {
	_, is := errors.AsType[*apierrors.StatusError](err)
	return is
}

// restore brings old's copy of the journal up to the file that --journal names, which may be newer or all there is. Where
// the two tell different stories nothing is written.
func (s *session) restore(ctx context.Context) error {
	path := s.call.flags.Journal
	if path == "" && s.call.flags.BreakGlass != "" {
		_, _, err := s.copied(ctx)
		return err
	}
	if path == "" {
		return nil
	}
	in, err := os.Open(path)
	if err != nil {
		return fault.Wrap(fault.Usage, "", fmt.Errorf("open the exported journal: %w", err))
	}
	defer func() { _ = in.Close() }() // read only: there is nothing to lose
	x, err := readExport(in)
	if err == nil && x.Plan != s.plan.Metadata.Name {
		err = fmt.Errorf("it is of the plan %q", x.Plan)
	}
	if err != nil {
		return fault.Wrap(fault.Usage, "it has to be what cutover journal export wrote, unchanged", fmt.Errorf("%s: %w", path, err))
	}
	entries, version, err := s.copied(ctx)
	if err != nil {
		return err
	}
	n := min(len(entries), len(x.Entries))
	if !sameStory(entries[:n], x.Entries[:n]) {
		return refused("cutover journal show --break-glass shows old's copy; go by it, or delete its ConfigMaps to go by the file",
			"%s and old's copy of the journal tell different stories", path)
	}
	if _, err := s.store.Append(ctx, version, x.Entries[n:]); err != nil {
		return unsure(fmt.Errorf("bring old's copy of the journal up to %s: %w", path, err))
	}
	return s.refreeze(ctx, x.Inventory)
}

// refreeze stores the inventory of an exported journal, unless old's copy has one that is not older.
func (s *session) refreeze(ctx context.Context, data []byte) error {
	var theirs inventory.Inventory
	if len(data) == 0 {
		return nil // nothing was frozen when it was exported
	}
	if err := json.Unmarshal(data, &theirs); err != nil {
		return fault.Wrap(fault.Usage, "", fmt.Errorf("read the inventory in %s: %w", s.call.flags.Journal, err))
	}
	if err := s.thaw(ctx); err != nil || s.frozen && !theirs.FrozenAt.After(s.inv.FrozenAt) {
		return err
	}
	if err := s.store.SaveBlob(ctx, inventoryBlob, data, true); err != nil {
		return unsure(fmt.Errorf("freeze the inventory: %w", err))
	}
	return nil
}

// oneStory: nobody went back by old's copy of the journal since. What new's says is done may then be so no longer.
func (s *session) oneStory() phase.Step {
	return gate("copy", "old's copy of the journal tells the same as new's", func(ctx context.Context) error {
		copied, _, err := s.mirror.Load(ctx) // first: new's is never behind it
		if err != nil {
			return unsure(err)
		}
		entries, _, err := s.store.Load(ctx)
		if err != nil {
			return unsure(err)
		}
		if len(copied) <= len(entries) && sameStory(copied, entries[:len(copied)]) {
			return nil
		}
		return refused("cutover rollback takes back what is left in new; then delete the copy in old, the next run makes a new one: "+s.deletion(),
			"old's copy has entries that new's journal has not: somebody went back by it (--break-glass)")
	})
}

// copied reads old's copy of the journal. One that cannot be read for what it holds is damaged: asking again would not
// change it.
func (s *session) copied(ctx context.Context) ([]journal.Entry, string, error) {
	entries, version, err := s.store.Load(ctx)
	switch {
	case err == nil || ctx.Err() != nil:
		return entries, version, err
	case fault.CodeOf(err) != fault.Unknown: // forbidden, or no answer
		return nil, "", fmt.Errorf("read old's copy of the journal: %w", err)
	}
	err = fmt.Errorf("old's copy of the journal is damaged: %w", err)
	if s.call.flags.Journal == "" {
		return nil, "", fault.Wrap(fault.Stuck, "go by what cutover journal export wrote: delete the copy ("+s.deletion()+"), then give --journal FILE", err)
	}
	return nil, "", fault.Wrap(fault.Refused, "to go by the file alone, delete the copy: "+s.deletion(), err)
}

// deletion is the command that takes old's copy of the journal away.
func (s *session) deletion() string {
	return "kubectl -n " + s.plan.Spec.State.Namespace + " delete configmap -l cutover.dev/state,cutover.dev/plan=" + s.plan.Metadata.Name
}

// sameStory compares entries by what they mean: a store may write them in other letters.
func sameStory(a, b []journal.Entry) bool {
	one, err := json.Marshal(a)
	if err != nil {
		return false
	}
	other, err := json.Marshal(b)
	return err == nil && len(a) == len(b) && (len(a) == 0 || bytes.Equal(one, other))
}
