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
	ctx, release, err := s.lock(ctx, false)
	if err != nil {
		return err
	}
	defer release()
	if err := s.prepare(ctx); err != nil {
		return err
	}
	if !s.frozen {
		return refused("the first apply freezes the inventory", "nothing is frozen yet")
	}
	if s.dismantled() {
		return refused("cutover apply --phase cleanup goes on", "cleanup has begun to delete old's own objects: nothing of old can be taken in any more")
	}
	if err := s.outcome("").endStretches(ctx, ""); err != nil { // its steps come from the inventory as it is
		return err
	}
	live, err := s.live(ctx)
	if err != nil {
		return err
	}
	changes := append(inventory.Compare(s.inv, live), inventory.Remade(s.inv, live)...)
	for _, change := range changes {
		fmt.Fprintln(c.stdout, clean(change.String()))
	}
	adopted := inventory.Adopt(s.inv, live)
	if err := inventory.Check(s.plan, adopted); err != nil {
		return err
	}
	if len(changes) == 0 {
		fmt.Fprintln(c.stderr, "nothing changed since it was frozen")
		return nil
	}
	if err := s.freeze(ctx, adopted, true); err != nil {
		return err
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
	if holder == nil {
		fmt.Fprintln(c.stderr, "nobody holds the lock")
		return nil
	}
	if c.flags.Holder == "" {
		return fault.New(fault.Usage, c.command("unlock", append([]string{"--holder", holder.Holder}, c.given("break-glass")...)...), "%v", holder)
	}
	if err := s.lease.Break(ctx, c.flags.Holder); err != nil {
		return err
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
