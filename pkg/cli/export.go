package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"cutover.dev/cutover/pkg/fault"
	"cutover.dev/cutover/pkg/journal"
)

// exportFormat is what the first line of an export calls itself.
const exportFormat = "cutover.dev/export/v1"

// exported is all that a way back without new takes. The inventory has no values of Secrets, ConfigMaps or env, and the
// journal keeps none.
type exported struct {
	Format    string          `json:"format"`
	Plan      string          `json:"plan"`
	Inventory json.RawMessage `json:"inventory,omitempty"` // the frozen one
	Entries   []journal.Entry `json:"-"`                   // the rest of the file
}

// export writes the journal and the frozen inventory.
func (s *session) export(ctx context.Context, w io.Writer) error {
	entries, _, err := s.store.Load(ctx)
	if err != nil {
		return unsure(fmt.Errorf("read the journal: %w", err))
	}
	frozen, err := s.store.LoadBlob(ctx, inventoryBlob)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return unsure(fmt.Errorf("read the frozen inventory: %w", err))
	}
	head, err := json.Marshal(exported{Format: exportFormat, Plan: s.plan.Metadata.Name, Inventory: frozen})
	if err != nil {
		return fmt.Errorf("export the inventory: %w", err)
	}
	if _, err := fmt.Fprintf(w, "%s\n", head); err != nil {
		return fmt.Errorf("write the export: %w", err)
	}
	return journal.Encode(w, entries)
}

// keep exports the journal into a file once the last phase is done: the migration is history then, and new need not be
// the only place that knows it. The file appears whole or not at all.
func (o *outcome) keep(ctx context.Context) error {
	s := o.session
	file := first(s.call.flags.Export, "cutover-"+s.plan.Metadata.Name+"-journal.jsonl")
	next := file + ".next"
	err := s.exportTo(ctx, next)
	if err == nil {
		err = os.Rename(next, file)
	}
	if err != nil {
		_ = os.Remove(next) // half of it is of no use to anybody
		code := fault.CodeOf(err)
		if code == fault.Unknown { // a folder that is not there or full: nothing that a person cannot put right
			code = fault.Refused
		}
		return fault.Wrap(code, "give --export a file that can be written, or keep what this prints: "+s.call.command("journal", "export"),
			fmt.Errorf("the phase is done, but its journal could not be kept in a file: %w", err))
	}
	o.kept = file
	fmt.Fprintf(s.call.stderr, "the journal of this migration and its inventory are kept in %s\n", file)
	return nil
}

func (s *session) exportTo(ctx context.Context, file string) (err error) {
	mode := os.FileMode(0o600)
	if s.call.action != nil { // the container is root, and the step that keeps the file is not; there is no Secret in it
		mode = 0o644
	}
	f, err := os.OpenFile(file, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, mode)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return s.export(ctx, f)
}

// readExport reads what export wrote, whole.
func readExport(r io.Reader) (x exported, err error) {
	in := bufio.NewReader(r)
	head, err := in.ReadBytes('\n')
	if err != nil {
		return x, fmt.Errorf("read its first line: %w", err)
	}
	if err := json.Unmarshal(head, &x); err != nil {
		return x, fmt.Errorf("read its first line: %w", err)
	}
	if x.Format != exportFormat {
		return x, fmt.Errorf("its format is %q, not %q", x.Format, exportFormat)
	}
	x.Entries, err = journal.Decode(in)
	return x, err
}
