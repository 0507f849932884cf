package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"

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
