package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"

	"go.mongodb.org/mongo-driver/v2/bson"
)

const (
	opReply = 1
	opQuery = 2004 // only of the first hello
	opMsg   = 2013

	largest = 48 << 20
)

// question is one message of a client.
type question struct {
	id, op int32
	body   bson.D
	double string // a field that is there twice
}

// read takes one message off the connection.
func read(c net.Conn) (question, error) {
	var head [16]byte
	if _, err := io.ReadFull(c, head[:]); err != nil {
		return question{}, err
	}
	le := binary.LittleEndian
	size := le.Uint32(head[:4])
	if size < 16 || size > largest {
		return question{}, fmt.Errorf("a message of %d bytes", size)
	}
	b := make([]byte, size-16)
	if _, err := io.ReadFull(c, b); err != nil {
		return question{}, err
	}
	q := question{id: int32(le.Uint32(head[4:])), op: int32(le.Uint32(head[12:]))} //nolint:gosec // as the protocol has it
	switch q.op {
	case opQuery:
		i := 4 // flags
		for i < len(b) && b[i] != 0 {
			i++
		}
		if i+9 > len(b) {
			return q, io.ErrUnexpectedEOF
		}
		return q, bson.Unmarshal(b[i+9:], &q.body)
	case opMsg:
		return q, q.sections(b)
	}
	return q, fmt.Errorf("an operation %d", q.op)
}

var errShort = errors.New("a message that ends too early")

// sections reads the body, and makes of a sequence of documents a field of it.
func (q *question) sections(b []byte) error {
	if len(b) < 4 {
		return errShort
	}
	le := binary.LittleEndian
	if le.Uint32(b)&1 != 0 && len(b) >= 8 {
		b = b[:len(b)-4] // a checksum, which TCP has as well
	}
	var more bson.D
	for b = b[4:]; len(b) >= 5; {
		n := int(le.Uint32(b[1:]))
		if n < 5 || 1+n > len(b) {
			return errShort
		}
		part := b[1 : 1+n]
		if b[0] == 0 {
			if err := bson.Unmarshal(part, &q.body); err != nil {
				return fmt.Errorf("read the body: %w", err)
			}
		} else if err := sequence(part, &more); err != nil {
			return err
		}
		b = b[1+n:]
	}
	names := map[string]bool{}
	for _, e := range q.body {
		if names[e.Key] {
			q.double = e.Key
		}
		names[e.Key] = true
	}
	q.body = append(q.body, more...)
	return nil
}

func sequence(b []byte, into *bson.D) error {
	end := 4
	for end < len(b) && b[end] != 0 {
		end++
	}
	if end >= len(b) {
		return errShort
	}
	name, docs := string(b[4:end]), bson.A{}
	for b = b[end+1:]; len(b) >= 5; {
		n := int(binary.LittleEndian.Uint32(b))
		if n < 5 || n > len(b) {
			return errShort
		}
		var d bson.D
		if err := bson.Unmarshal(b[:n], &d); err != nil {
			return fmt.Errorf("read a document: %w", err)
		}
		docs, b = append(docs, d), b[n:]
	}
	*into = append(*into, bson.E{Key: name, Value: docs})
	return nil
}

// write sends the answer in the shape in which it was asked.
func write(c net.Conn, q question, reply bson.D) error {
	doc, err := bson.Marshal(reply)
	if err != nil {
		return fmt.Errorf("encode a reply: %w", err)
	}
	le := binary.LittleEndian
	b, op := make([]byte, 16, 64+len(doc)), uint32(opMsg)
	if q.op == opQuery {
		op = opReply
		b = le.AppendUint32(b, 8) // await capable
		b = append(b, make([]byte, 12)...)
		b = le.AppendUint32(b, 1)
	} else {
		b = append(b, 0, 0, 0, 0, 0)
	}
	b = append(b, doc...)
	le.PutUint32(b, uint32(len(b)))   //nolint:gosec // it is small
	le.PutUint32(b[8:], uint32(q.id)) //nolint:gosec // as the protocol has it
	le.PutUint32(b[12:], op)
	_, err = c.Write(b)
	return err
}
