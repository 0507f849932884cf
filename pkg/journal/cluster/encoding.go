package cluster

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"

	"cutover.dev/cutover/pkg/journal"
)

// head is the first line of a gzip member; entries follow, one line each.
type head struct {
	At   int `json:"at"`   // number of the batch's first entry in the journal
	Of   int `json:"of"`   // entries in the batch
	Done int `json:"done"` // entries of it in earlier parts
}

// heap is how many bytes of entries, before compression, go into one part: even what does not compress then fits into a
// segment that is not sealed yet.
const heap = largest - full - 8<<10

// encode makes gzip members of a batch: one, unless it is too large for a ConfigMap.
func encode(at int, batch []journal.Entry) (parts [][]byte, err error) {
	lines := make([][]byte, len(batch))
	for i, e := range batch {
		if lines[i], err = json.Marshal(e); err != nil {
			return nil, fmt.Errorf("encode entry of step %s: %w", e.Step, err)
		}
		if len(lines[i]) > heap {
			return nil, fmt.Errorf("entry of step %s has %d bytes, %d fit into the journal", e.Step, len(lines[i]), heap)
		}
	}
	for done := 0; done < len(lines); {
		n, size := 0, 0
		for n < len(lines)-done && size+len(lines[done+n]) <= heap {
			size += len(lines[done+n]) + 1
			n++
		}
		part, err := compress(head{at, len(lines), done}, lines[done:done+n])
		if err != nil {
			return nil, err
		}
		parts = append(parts, part)
		done += n
	}
	return parts, nil
}

// writers are gzip writers to use again: a new one takes most of a MiB, and there is one append after the other.
var writers = sync.Pool{New: func() any { return gzip.NewWriter(nil) }}

func compress(h head, lines [][]byte) ([]byte, error) {
	first, err := json.Marshal(h)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	z, _ := writers.Get().(*gzip.Writer)
	z.Reset(&b)
	defer writers.Put(z)
	_, err = z.Write(append(bytes.Join(append([][]byte{first}, lines...), []byte("\n")), '\n'))
	err = errors.Join(err, z.Close())
	return b.Bytes(), err
}

// reader puts entries together from members, in order.
type reader struct {
	entries []journal.Entry
	pending []journal.Entry // of a batch whose parts are not all there
	of      int
}

// read takes the members of one segment. The rest of a batch that its writer did not finish is dropped: it never
// counted, and the next batch begins with the same number.
func (r *reader) read(data []byte) error {
	in := bytes.NewReader(data)
	for in.Len() > 0 {
		z, err := gzip.NewReader(in)
		if err != nil {
			return err
		}
		z.Multistream(false)
		text, err := io.ReadAll(z)
		if err != nil {
			return err
		}
		if err := r.member(text); err != nil {
			return err
		}
	}
	return nil
}

func (r *reader) member(text []byte) error {
	d := json.NewDecoder(bytes.NewReader(text))
	var h head
	if err := d.Decode(&h); err != nil {
		return fmt.Errorf("read the head of a batch: %w", err)
	}
	if h.Done == 0 {
		r.pending, r.of = nil, h.Of
	}
	if h.At != len(r.entries) || h.Done != len(r.pending) || h.Of != r.of {
		return fmt.Errorf("batch %+v follows %d entries and %d of a batch of %d: something is missing or doubled", h, len(r.entries), len(r.pending), r.of)
	}
	for d.More() {
		var e journal.Entry
		if err := d.Decode(&e); err != nil {
			return fmt.Errorf("read entry %d: %w", h.At+len(r.pending), err)
		}
		r.pending = append(r.pending, e)
	}
	switch {
	case len(r.pending) > h.Of:
		return fmt.Errorf("batch %+v has %d entries", h, len(r.pending))
	case len(r.pending) == h.Of:
		r.entries, r.pending = append(r.entries, r.pending...), nil
	}
	return nil
}
