// Package cloudflaretest is a double of the DNS part of Cloudflare's API for tests, with a name server behind it that serves what
// is "DNS only" in the zone. It enforces what the service documents:
//
//   - a request carries a token as bearer; an unknown one gets 403, and so does one that may read and not write a batch;
//   - zones and records are listed in pages, names without the dot at the end;
//   - a batch is one transaction: deletes, patches and posts in this order, whatever is wrong with one undoes all; an id that is
//     not there is an error; 200 operations at most, as in a zone of the plan Free;
//   - a TTL is 1 (automatic, served as 300) or from 60 to 86400 seconds; an HTTPS record is written by its parts;
//   - no CNAME stands beside an address or another CNAME, and no record is there twice;
//   - a request that comes too soon gets 429.
//
// It does not proxy, flatten, sign, or let its servers learn a change late, and knows no other types than those of package zone
// and TXT, SOA and NS. It is for tests only.
package cloudflaretest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/miekg/dns"

	"cutover.dev/cutover/pkg/zone"
	"cutover.dev/cutover/pkg/zone/zonetest"
)

const (
	mostOperations = 200
	lowest, most   = 60, 86400
	page           = 100 // records, whatever is asked for: nobody may rely on more
)

// ID is the zone's.
const ID = "023e105f4ecef8ad9ca31a8372d0c353"

// Zone is a zone of the account.
type Zone struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	Type string `json:"type"` // full, partial or secondary
}

// Record is a record as the service has it.
type Record struct {
	ID       string          `json:"id"`
	Name     string          `json:"name"`
	Type     string          `json:"type"`
	Content  string          `json:"content"`
	TTL      int             `json:"ttl"`
	Proxied  bool            `json:"proxied"`
	Data     *Parts          `json:"data,omitempty"`
	Settings map[string]bool `json:"settings"`
	Comment  string          `json:"comment,omitempty"`
}

// Parts are those of an HTTPS record.
type Parts struct {
	Priority int    `json:"priority"`
	Target   string `json:"target"`
	Value    string `json:"value"`
}

// Server is the service with one account.
type Server struct {
	URL, Token string
	Reader     string // a token that may only read
	Book       *zonetest.Book
	zonetest.Moment

	t       testing.TB
	mu      sync.Mutex
	zones   []Zone
	records []Record
	next    int
	busy    int
	writes  int
}

// Start starts the service with zonetest.Before in the zone, and more zones.
func Start(t testing.TB, more ...Zone) *Server {
	t.Helper()
	s := &Server{
		t: t, Token: "t0ken-that-may-write-zones", Reader: "t0ken-that-may-only-read", Book: zonetest.Open(t, nil),
		zones: append([]Zone{{ID: ID, Name: zonetest.Zone, Type: "full"}}, more...),
	}
	for _, rr := range zonetest.Parse(t, zonetest.Before) {
		h := rr.Header()
		s.add(Record{
			Name: strings.TrimSuffix(h.Name, "."), Type: dns.TypeToString[h.Rrtype], TTL: int(h.Ttl),
			Content: strings.TrimSuffix(strings.TrimPrefix(rr.String(), h.String()), "."),
		})
	}
	s.publish()
	server := httptest.NewServer(http.HandlerFunc(s.serve))
	t.Cleanup(server.Close)
	s.URL = server.URL
	return s
}

func (s *Server) add(r Record) {
	s.next++
	r.ID = fmt.Sprintf("%032x", s.next)
	s.records = append(s.records, r)
}

// Replace puts records in the place of those of the same names and types, as somebody else would.
func (s *Server) Replace(records ...Record) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range records {
		s.records = slices.DeleteFunc(s.records, func(o Record) bool { return o.Name == r.Name && o.Type == r.Type })
	}
	for _, r := range records {
		s.add(r)
	}
	s.publish()
}

// Edit changes the content of the records of a set where they stand: their ids stay.
func (s *Server) Edit(set zone.Set) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, r := range s.records {
		if r.Name == set.Name && r.Type == set.Type {
			s.records[i].Content, s.records[i].TTL = strings.TrimSuffix(set.Data[0], "."), int(set.TTL)
		}
	}
	s.publish()
}

// Records is what the zone has under a name.
func (s *Server) Records(name string) []Record {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(s.records), func(r Record) bool { return r.Name != name })
}

// Throttle lets the next requests fail as if they had come too soon.
func (s *Server) Throttle(requests int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.busy = requests
}

// Writes counts the batches that were carried out.
func (s *Server) Writes() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.writes
}

func (r Record) wire() (dns.RR, error) {
	ttl, content := r.TTL, r.Content
	if ttl == 1 {
		ttl = 300
	}
	if r.Type == "CNAME" || r.Type == "NS" {
		content += "."
	}
	return dns.NewRR(fmt.Sprintf("%s. %d IN %s %s", r.Name, ttl, r.Type, content))
}

func (s *Server) publish() {
	var all []dns.RR
	for _, r := range s.records {
		if r.Proxied {
			continue
		}
		rr, err := r.wire()
		if err != nil {
			s.t.Errorf("%s %s: %v", r.Name, r.Type, err)
			continue
		}
		all = append(all, rr)
	}
	s.Book.Publish(all)
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	if token != s.Token && token != s.Reader {
		refuse(w, http.StatusForbidden, 9109, "Invalid access token")
		return
	}
	if r.Method == http.MethodPost {
		s.Come()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.busy > 0 {
		s.busy--
		refuse(w, http.StatusTooManyRequests, 10429, "Rate limited. Please wait and consider throttling your request speed")
		return
	}
	path := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	i := slices.IndexFunc(s.zones, func(z Zone) bool { return len(path) > 1 && z.ID == path[1] })
	switch where := r.Method + " " + strings.Join(path[min(len(path), 2):], "/"); {
	case path[0] != "zones" || len(path) > 1 && i < 0:
		refuse(w, http.StatusNotFound, 7003, "Could not route to "+r.URL.Path+", perhaps your object identifier is invalid?")
	case len(path) == 1:
		respond(w, slices.DeleteFunc(slices.Clone(s.zones), func(z Zone) bool { return z.Name != r.URL.Query().Get("name") }), 1)
	case where == "GET ":
		respond(w, s.zones[i], 1)
	case where == "GET dns_records":
		n, _ := strconv.Atoi(r.URL.Query().Get("page")) // 0 is the first as well
		from := min(page*max(n-1, 0), len(s.records))
		respond(w, s.records[from:min(from+page, len(s.records))], (len(s.records)+page-1)/page)
	case where == "POST dns_records/batch" && token == s.Reader:
		refuse(w, http.StatusForbidden, 10000, "Authentication error")
	case where == "POST dns_records/batch":
		s.batch(w, r)
	default:
		s.t.Errorf("the double knows no %s %s", r.Method, r.URL)
	}
}

func respond(w http.ResponseWriter, result any, pages int) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{ // a client that is gone
		"success": true, "errors": []any{}, "messages": []any{}, "result": result, "result_info": map[string]any{"total_pages": pages},
	})
}

func refuse(w http.ResponseWriter, status, code int, why string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{ // likewise
		"success": false, "errors": []any{map[string]any{"code": code, "message": why}}, "messages": []any{}, "result": nil,
	})
}
