package audit

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// Event is what is read of a line of an API server's audit log.
type Event struct {
	Stage, Verb, RequestURI string
	StageTimestamp          time.Time
	User                    struct{ Username string }
	ObjectRef               *Object // nil: the request was for no object
	ResponseStatus          struct{ Code int }
}

// Object is what a request was for.
type Object struct{ Resource, Subresource, Namespace, Name, APIGroup string }

// Events hands on what is in the audit log of a cluster, oldest first.
func Events(file, cluster string, each func(Event)) error {
	f, err := os.Open(file)
	if err != nil {
		return fmt.Errorf("read the audit log of %s: %w", cluster, err)
	}
	defer f.Close()
	return EventsIn(f, cluster, each)
}

// EventsIn is Events of a log that is open.
func EventsIn(log io.Reader, cluster string, each func(Event)) error {
	for d := json.NewDecoder(bufio.NewReader(log)); ; {
		var e Event
		switch err := d.Decode(&e); {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF): // its last line is still being written
			return nil
		case err != nil:
			return fmt.Errorf("read the audit log of %s: %w", cluster, err)
		}
		each(e)
	}
}
