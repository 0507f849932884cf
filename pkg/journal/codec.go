package journal

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// Encode writes entries as JSON, one line each.
func Encode(w io.Writer, entries []Entry) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	for i, entry := range entries {
		if err := entry.check(); err != nil {
			return fmt.Errorf("encode entry %d: %w", i+1, err)
		}
		if err := e.Encode(entry); err != nil {
			return fmt.Errorf("encode entry %d: %w", i+1, err)
		}
	}
	return nil
}

// Decode reads what Encode wrote. A field or a kind of entry that this build does not know is an error: what a newer
// build wrote must not be half understood.
func Decode(r io.Reader) ([]Entry, error) {
	d := json.NewDecoder(r)
	d.DisallowUnknownFields()
	var entries []Entry
	for {
		var e Entry
		err := d.Decode(&e)
		if errors.Is(err, io.EOF) {
			return entries, nil
		}
		if err == nil {
			err = e.check()
		}
		if err != nil {
			return nil, fmt.Errorf("decode entry %d: %w", len(entries)+1, err)
		}
		entries = append(entries, e)
	}
}

// check refuses an entry that could only be misread.
func (e Entry) check() error {
	whole, ok := known[e.What]
	switch {
	case !ok:
		return fmt.Errorf("kind %q is not known to this build", e.What)
	case e.Phase == "":
		return errors.New("no phase")
	case whole != (e.Step == ""):
		return fmt.Errorf("%q of step %q", e.What, e.Step)
	}
	return nil
}
