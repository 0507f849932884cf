package cli

import (
	"context"
	"fmt"
	"text/tabwriter"
	"time"

	"cutover.dev/cutover/pkg/fault"
	"cutover.dev/cutover/pkg/inventory"
)

// adopt takes what changed in old into the frozen inventory.
func adopt(ctx context.Context, c *call) error {
	s, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	o := s.outcome("")
	held, release, err := s.lock(ctx, false)
	if err != nil {
		return o.finish(ctx, err)
	}
	defer release()
	return o.finish(ctx, ofLock(held, o.adopt(held)))
}

func (o *outcome) adopt(ctx context.Context) error {
	s, c := o.session, o.session.call
	if err := s.prepare(ctx); err != nil {
		return err
	}
	if !s.frozen {
		return refused("the first apply freezes the inventory", "nothing is frozen yet")
	}
	if s.dismantled() {
		return refused("cutover apply --phase cleanup goes on", "cleanup has begun to delete old's own objects: nothing of old can be taken in any more")
	}
	if err := o.current(ctx); err != nil {
		return err
	}
	if err := o.endStretches(ctx, ""); err != nil { // its steps come from the inventory as it is
		return err
	}
	live, err := s.live(ctx)
	if err != nil {
		return err
	}
	changes := append(inventory.Compare(s.inv, live), inventory.Remade(s.inv, live)...)
	to := c.stdout
	if c.flags.Output == "json" { // which has them once they are taken in
		to = c.stderr
	}
	for _, change := range changes {
		fmt.Fprintln(to, clean(change.String()))
	}
	adopted := inventory.Adopt(s.inv, live)
	if err := inventory.Check(s.plan, adopted); err != nil {
		return err
	}
	if len(changes) == 0 {
		fmt.Fprintln(c.stderr, "nothing changed since it was frozen")
		return nil
	}
	c.publish(o.document(errUnfinished), false)
	if err := s.freeze(ctx, adopted, true); err != nil {
		return err
	}
	o.begun.Store(true)
	for _, change := range changes {
		o.adopted = append(o.adopted, change.String())
	}
	fmt.Fprintf(c.stderr, "taken in: this is frozen now; %s shows what it means for the next phase\n", c.command("plan"))
	return nil
}

// unlock takes the lock from a holder whose name a person typed.
func unlock(ctx context.Context, c *call) error {
	s, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	holder, err := s.lease.Holder(ctx)
	if err != nil {
		return unsure(fmt.Errorf("ask who holds the lock: %w", err))
	}
	var out struct {
		Taken bool   `json:"taken"`
		From  string `json:"from,omitempty"` // who held it
	}
	if holder == nil {
		fmt.Fprintln(c.stderr, "nobody holds the lock")
		if c.flags.Output == "json" {
			return writeJSON(c.stdout, out)
		}
		return nil
	}
	if c.flags.Holder == "" {
		return fault.New(fault.Usage, c.command("unlock", append([]string{"--holder", holder.Holder}, c.given("break-glass")...)...), "%v", holder)
	}
	if err := s.lease.Break(ctx, c.flags.Holder); err != nil {
		return err
	}
	if out.Taken, out.From = true, holder.Holder; c.flags.Output == "json" {
		return writeJSON(c.stdout, out)
	}
	fmt.Fprintf(c.stdout, "taken from %s\n", clean(holder.Holder))
	return nil
}

// showJournal prints the journal: export for a way back without new, show for people.
func showJournal(ctx context.Context, c *call) error {
	how := "show"
	if len(c.args) > 0 {
		how = c.args[0]
	}
	if how != "show" && how != "export" {
		return fault.New(fault.Usage, "cutover journal -h", "journal wants show or export, not %q", how)
	}
	s, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	if how == "export" {
		return s.export(ctx, c.stdout)
	}
	entries, _, err := s.store.Load(ctx)
	if err != nil {
		return unsure(fmt.Errorf("read the journal: %w", err))
	}
	if c.flags.Output == "json" {
		return writeJSON(c.stdout, entries)
	}
	table := tabwriter.NewWriter(c.stdout, 0, 0, 2, ' ', 0)
	for _, e := range entries {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", e.At.UTC().Format(time.RFC3339), e.Phase, e.What, clean(e.Step), clean(e.Note))
	}
	return table.Flush()
}
