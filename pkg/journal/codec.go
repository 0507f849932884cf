package journal

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// format is what an encoded journal calls itself.
const format = "cutover.dev/journal/v1"

// head is the first line. Without the count, a journal that lost its end would read like an earlier one, and a way back
// by it would leave things as they are.
type head struct {
	Format  string `json:"format"`
	Entries int    `json:"entries"`
}

// Encode writes entries as JSON: a line that says what it is and how many there are, then one line each.
func Encode(w io.Writer, entries []Entry) error {
	first, err := json.Marshal(head{format, len(entries)})
	if err != nil {
		return fmt.Errorf("encode journal: %w", err)
	}
	out := bufio.NewWriter(w)
	_, _ = out.Write(append(first, '\n')) // Flush has the error
	for i, e := range entries {
		text, err := line(e)
		if err != nil {
			return fmt.Errorf("encode entry %d: %w", i+1, err)
		}
		_, _ = out.Write(text)
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("encode journal: %w", err)
	}
	return nil
}

// Decode reads what Encode wrote, and nothing else: a line that is missing, doubled, cut off or edited is an error that
// names it, and so is a field or a kind of entry that this build does not know.
func Decode(r io.Reader) ([]Entry, error) {
	in := bufio.NewReader(r)
	var h head
	first, err := next(in)
	if err == nil {
		err = strict(first, &h)
	}
	if again, bad := json.Marshal(h); err == nil && (bad != nil || !bytes.Equal(append(again, '\n'), first)) {
		err = errEdited
	}
	if err == nil && h.Format != format {
		err = fmt.Errorf("format is %q, not %q", h.Format, format)
	}
	if err != nil {
		return nil, fmt.Errorf("journal line 1: %w", err)
	}
	var entries []Entry
	for at := 2; ; at++ {
		text, err := next(in)
		if errors.Is(err, io.EOF) {
			break
		}
		var e Entry
		if err == nil {
			e, err = parse(text)
		}
		if err != nil {
			return nil, fmt.Errorf("journal line %d: %w", at, err)
		}
		entries = append(entries, e)
	}
	if len(entries) != h.Entries {
		return nil, fmt.Errorf("journal line %d: it ends after %d entries of %d", len(entries)+1, len(entries), h.Entries)
	}
	return entries, nil
}

// next reads one line with its end; io.EOF when there is none.
func next(in *bufio.Reader) ([]byte, error) {
	text, err := in.ReadBytes('\n')
	if errors.Is(err, io.EOF) && len(text) > 0 {
		return nil, errors.New("cut off")
	}
	return text, err
}

// parse reads one entry. That it would be written the same way again leaves no room for a field that is given twice or
// in other letters, which encoding/json lets pass.
func parse(text []byte) (Entry, error) {
	var e Entry
	if err := strict(text, &e); err != nil {
		return e, err
	}
	again, err := line(e)
	if err == nil && !bytes.Equal(again, text) {
		err = errEdited
	}
	return e, err
}

var errEdited = errors.New("it was not written by this program")

func strict(text []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	return d.Decode(into)
}

// line is one entry as it is written, with the end of the line.
func line(e Entry) ([]byte, error) {
	if err := e.check(); err != nil {
		return nil, err
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(e.clean()); err != nil {
		return nil, fmt.Errorf("entry of step %s: %w", e.Step, err)
	}
	return b.Bytes(), nil
}

// clean replaces what is no text. Notes carry what servers say.
func (e Entry) clean() Entry {
	for _, s := range []*string{&e.Run, &e.Plan, &e.Phase, &e.Step, &e.Note} {
		*s = strings.ToValidUTF8(*s, "\uFFFD")
	}
	return e
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
