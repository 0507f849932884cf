// Package route53test is a double of Amazon Route 53 for tests, with a name server behind it that serves what the public hosted
// zone has. It enforces what the service documents:
//
//   - a request is signed (Signature Version 4), by a key that is known; a key may be let read and not write;
//   - hosted zones are listed by name, private ones among them, and sets by reversed labels, 300 a page at most;
//   - names are written with \ooo for what is neither letter, digit, dash, underscore nor dot;
//   - a batch is carried out wholly or not at all; DELETE takes the very TTL and values that are there, in any order; CREATE
//     takes no set that is there; no CNAME stands beside other sets or at the apex; 1,000 records and 32,000 characters at most;
//   - a request that comes too soon gets Throttling;
//   - its keys may only change sets of zone.Types, by a condition of their policy, which counts before a batch is looked at.
//
// It does not evaluate other policies of IAM, answer aliases and routing policies, check health, keep a change PENDING, or count
// requests by itself. It is for tests only.
package route53test

import (
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/miekg/dns"

	"cutover.dev/cutover/pkg/zone"
	"cutover.dev/cutover/pkg/zone/zonetest"
)

// Public is the id of the public hosted zone of zonetest.Zone.
const Public = "Z0PUBLIC"

// Hosted is one hosted zone.
type Hosted struct {
	ID, Name string // the name without the dot at the end
	Private  bool
	Sets     []Set
}

// Set is a resource record set as the service has it.
type Set struct {
	Name, Type   string
	TTL          int64
	Values       []string
	Identifier   string // of one of several that a routing policy chooses from
	Weight       int64
	Alias        string // where it leads instead of having values
	HealthCheck  string
	TrafficBound string // the traffic policy's instance
}

// Server is the service with one account.
type Server struct {
	URL, Key, Secret string // the key may read and write
	Reader           string // a key with the same secret that may only read
	Book             *zonetest.Book
	zonetest.Moment

	t      testing.TB
	mu     sync.Mutex
	zones  []Hosted
	busy   int
	writes int
	lost   int
	blind  bool
}

// Start starts the service with zonetest.Before in the public zone, and more hosted zones.
func Start(t testing.TB, more ...Hosted) *Server {
	t.Helper()
	records := zonetest.Parse(t, zonetest.Before)
	s := &Server{
		t: t, Key: "AKIDWRITER", Reader: "AKIDREADER", Secret: "b0ok-of-the-zones/secret+key", Book: zonetest.Open(t, records),
		zones: append([]Hosted{{ID: Public, Name: zonetest.Zone, Sets: setsOf(records)}}, more...),
	}
	server := httptest.NewServer(http.HandlerFunc(s.serve))
	t.Cleanup(server.Close)
	s.URL = server.URL
	return s
}

// Config is what a client needs.
func (s *Server) Config(key, secret string) *aws.Config {
	return &aws.Config{Region: "us-east-1", BaseEndpoint: &s.URL, Credentials: credentials.NewStaticCredentialsProvider(key, secret, "")}
}

// Replace puts sets in the place of those of the same names and types in the public zone, as somebody else would.
func (s *Server) Replace(sets ...Set) {
	s.mu.Lock()
	defer s.mu.Unlock()
	z := &s.zones[0]
	for _, set := range sets {
		z.Sets = slices.DeleteFunc(z.Sets, func(o Set) bool { return o.Name == set.Name && o.Type == set.Type })
	}
	z.Sets = append(z.Sets, sets...)
	s.publish()
}

// Put is Replace with a plain set.
func (s *Server) Put(set zone.Set) {
	s.Replace(Set{Name: set.Name, Type: set.Type, TTL: int64(set.TTL), Values: set.Data})
}

// Throttle lets the next requests fail as if they had come too soon.
func (s *Server) Throttle(requests int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.busy = requests
}

// Lose carries the next batches out and gives no answer, so that whoever sent them sends them again.
func (s *Server) Lose(answers int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lost = answers
}

// Blind lets nobody read sets any more.
func (s *Server) Blind() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.blind = true
}

// Writes counts the batches that changed something.
func (s *Server) Writes() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.writes
}

// publish gives the public zone to its name server. What is an alias, or chosen by a policy, is not answered.
func (s *Server) publish() {
	var records []dns.RR
	for _, set := range s.zones[0].Sets {
		for _, v := range set.Values {
			rr, err := dns.NewRR(fmt.Sprintf("%s. %d IN %s %s", set.Name, set.TTL, set.Type, v))
			if err != nil {
				s.t.Errorf("%s %s: %v", set.Name, set.Type, err)
				continue
			}
			records = append(records, rr)
		}
	}
	s.Book.Publish(records)
}

func setsOf(records []dns.RR) (all []Set) {
	for _, rr := range records {
		h := rr.Header()
		name, kind := strings.TrimSuffix(h.Name, "."), dns.TypeToString[h.Rrtype]
		value := strings.TrimPrefix(rr.String(), h.String())
		i := slices.IndexFunc(all, func(s Set) bool { return s.Name == name && s.Type == kind })
		if i < 0 {
			all = append(all, Set{Name: name, Type: kind, TTL: int64(h.Ttl), Values: []string{value}})
			continue
		}
		all[i].Values = append(all[i].Values, value)
	}
	return all
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		s.t.Errorf("read a request: %v", err)
	}
	if code := s.stranger(r, body); code != "" {
		refuse(w, http.StatusForbidden, code, "the key or the signature is wrong")
		return
	}
	writing := r.Method == http.MethodPost
	if writing {
		s.Come()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.busy > 0 {
		s.busy--
		refuse(w, http.StatusBadRequest, "Throttling", "Rate exceeded")
		return
	}
	path := strings.Split(strings.Trim(strings.TrimPrefix(r.URL.Path, "/2013-04-01"), "/"), "/")
	if path[0] == "hostedzonesbyname" && r.Method == http.MethodGet {
		s.byName(w, r.URL.Query())
		return
	}
	i := -1
	if path[0] == "hostedzone" && len(path) > 1 {
		i = slices.IndexFunc(s.zones, func(z Hosted) bool { return z.ID == path[1] })
	}
	switch {
	case i < 0:
		refuse(w, http.StatusNotFound, "NoSuchHostedZone", "No hosted zone found with ID: "+path[len(path)-1])
	case len(path) == 2 && r.Method == http.MethodGet:
		respond(w, xmlZoneResponse{HostedZone: s.zones[i].xml()})
	case len(path) == 3 && path[2] == "rrset" && r.Method == http.MethodGet && s.blind:
		refuse(w, http.StatusForbidden, "AccessDenied", "the user is not authorized to perform: route53:ListResourceRecordSets")
	case len(path) == 3 && path[2] == "rrset" && r.Method == http.MethodGet:
		s.list(w, s.zones[i], r.URL.Query())
	case len(path) == 3 && path[2] == "rrset" && writing:
		if s.keyOf(r) == s.Reader {
			refuse(w, http.StatusForbidden, "AccessDenied", "the user is not authorized to perform: route53:ChangeResourceRecordSets")
			return
		}
		s.change(w, &s.zones[i], body)
	default:
		s.t.Errorf("the double knows no %s %s", r.Method, r.URL)
	}
}

func respond(w http.ResponseWriter, document any) {
	w.Header().Set("Content-Type", "text/xml")
	_, _ = io.WriteString(w, xml.Header)   // a client that is gone
	_ = xml.NewEncoder(w).Encode(document) // likewise
}

func refuse(w http.ResponseWriter, status int, code, why string) {
	w.Header().Set("Content-Type", "text/xml")
	w.WriteHeader(status)
	_ = xml.NewEncoder(w).Encode(xmlError{Type: "Sender", Code: code, Message: why}) // a client that is gone
}
