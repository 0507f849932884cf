package cloudflaretest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// operation is a record of a batch; what is nil is not set.
type operation struct {
	ID            string
	Name, Type    *string
	Content       *string
	TTL           *int
	Proxied       *bool
	Data          *Parts
	Comment, Tags any
}

// wrong is what undoes a batch.
type wrong struct {
	status, code int
	why          string
}

func (s *Server) batch(w http.ResponseWriter, r *http.Request) {
	var b struct{ Deletes, Patches, Posts []operation }
	decoder := json.NewDecoder(r.Body)
	if err := decoder.Decode(&b); err != nil {
		refuse(w, http.StatusBadRequest, 9207, "Request body is invalid: "+err.Error())
		return
	}
	if n := len(b.Deletes) + len(b.Patches) + len(b.Posts); n > mostOperations {
		refuse(w, http.StatusBadRequest, 81045, fmt.Sprintf("%d operations, and the quota is %d", n, mostOperations))
		return
	}
	before, next := slices.Clone(s.records), s.next
	if no := s.carryOut(b.Deletes, b.Patches, b.Posts); no != nil {
		s.records, s.next = before, next
		refuse(w, no.status, no.code, no.why)
		return
	}
	s.writes++
	s.publish()
	respond(w, map[string]any{}, 1)
}

func (s *Server) carryOut(deletes, patches, posts []operation) *wrong {
	for _, o := range deletes {
		i := s.find(o.ID)
		if i < 0 {
			return &wrong{http.StatusNotFound, 81044, "Record does not exist."}
		}
		s.records = slices.Delete(slices.Clone(s.records), i, i+1)
	}
	for _, o := range patches {
		i := s.find(o.ID)
		if i < 0 {
			return &wrong{http.StatusNotFound, 81044, "Record does not exist."}
		}
		r := s.records[i]
		if o.Type != nil && *o.Type != r.Type {
			return &wrong{http.StatusBadRequest, 9005, "The type of a record cannot be changed."}
		}
		if no := s.set(&r, o); no != nil {
			return no
		}
		s.records = slices.Clone(s.records)
		s.records[i] = r
		if no := s.fits(i); no != nil {
			return no
		}
	}
	for _, o := range posts {
		if o.Name == nil || o.Type == nil || o.TTL == nil {
			return &wrong{http.StatusBadRequest, 9000, "DNS name, type and TTL are required."}
		}
		r := Record{Name: *o.Name, Type: *o.Type}
		if no := s.set(&r, o); no != nil {
			return no
		}
		s.add(r)
		if no := s.fits(len(s.records) - 1); no != nil {
			return no
		}
	}
	return nil
}

func (s *Server) find(id string) int {
	return slices.IndexFunc(s.records, func(r Record) bool { return r.ID == id })
}

func (s *Server) set(r *Record, o operation) *wrong {
	if o.Content != nil {
		if r.Type == "HTTPS" {
			return &wrong{http.StatusBadRequest, 9101, "HTTPS records are written by data."}
		}
		r.Content = strings.TrimSuffix(*o.Content, ".")
	}
	if o.Data != nil {
		r.Content = fmt.Sprintf("%d %s %s", o.Data.Priority, o.Data.Target, o.Data.Value)
	}
	if o.Proxied != nil {
		r.Proxied = *o.Proxied
	}
	if o.TTL != nil {
		if *o.TTL != 1 && (*o.TTL < lowest || *o.TTL > most) {
			return &wrong{http.StatusBadRequest, 9021, "Invalid TTL. Must be between 60 and 86400 seconds, or 1 for Automatic."}
		}
		r.TTL = *o.TTL
	}
	if _, err := r.wire(); err != nil || r.Content == "" {
		return &wrong{http.StatusBadRequest, 9005, "Content for " + r.Type + " record is invalid."}
	}
	return nil
}

// fits looks whether the record at i may stand beside the others.
func (s *Server) fits(i int) *wrong {
	r := s.records[i]
	for j, o := range s.records {
		switch {
		case i == j || o.Name != r.Name:
		case o.Type == r.Type && o.Content == r.Content:
			return &wrong{http.StatusBadRequest, 81058, "An identical record already exists."}
		case r.Type == "CNAME" || o.Type == "CNAME":
			return &wrong{http.StatusBadRequest, 81053, "An A, AAAA, or CNAME record with that host already exists."}
		}
	}
	return nil
}
