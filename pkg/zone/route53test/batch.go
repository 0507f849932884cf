package route53test

import (
	"encoding/xml"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"cutover.dev/cutover/pkg/zone"
)

const (
	mostRecords    = 1000
	mostCharacters = 32000
)

// change carries out a batch, or says all that is wrong with it.
func (s *Server) change(w http.ResponseWriter, z *Hosted, body []byte) {
	var asked xmlChange
	if err := xml.Unmarshal(body, &asked); err != nil {
		refuse(w, http.StatusBadRequest, "MalformedXML", err.Error())
		return
	}
	for _, c := range asked.Changes {
		if !slices.Contains(zone.Types, c.Set.Type) {
			refuse(w, http.StatusForbidden, "AccessDenied", "the user is not authorized to perform: route53:ChangeResourceRecordSets with "+c.Set.Type)
			return
		}
	}
	sets := slices.Clone(z.Sets)
	var wrong []string
	records, characters := 0, 0
	deleted := map[string]bool{}
	for _, c := range asked.Changes {
		set := c.Set.set()
		for _, v := range set.Values {
			characters += len(v)
		}
		records += len(set.Values)
		if c.Action == "DELETE" && deleted[set.key()] {
			wrong = append(wrong, "deleted twice: "+set.String())
			continue
		}
		deleted[set.key()] = deleted[set.key()] || c.Action == "DELETE"
		var why string
		if sets, why = carryOut(sets, z.Name, c.Action, set); why != "" {
			wrong = append(wrong, why)
		}
	}
	if records > mostRecords || characters > mostCharacters {
		wrong = append(wrong, fmt.Sprintf("Number of records limit of %d or of characters %d exceeded.", mostRecords, mostCharacters))
	}
	if len(wrong) > 0 {
		w.Header().Set("Content-Type", "text/xml")
		w.WriteHeader(http.StatusBadRequest)
		_ = xml.NewEncoder(w).Encode(xmlInvalidBatch{Messages: wrong}) // a client that is gone
		return
	}
	z.Sets = sets
	s.writes++
	s.publish()
	if s.lost > 0 {
		s.lost--
		panic(http.ErrAbortHandler)
	}
	respond(w, xmlChanged{ID: "/change/C1", Status: "PENDING", SubmittedAt: "2026-01-02T03:04:05Z"})
}

func carryOut(sets []Set, apex, action string, set Set) (after []Set, why string) {
	i := slices.IndexFunc(sets, func(o Set) bool { return o.key() == set.key() })
	switch {
	case action == "DELETE" && i < 0:
		return sets, fmt.Sprintf("Tried to delete resource record set %s but it was not found", set)
	case action == "DELETE" && !sets[i].same(set):
		return sets, fmt.Sprintf("Tried to delete resource record set %s but the values provided do not match the current values", set)
	case action == "DELETE":
		return slices.Delete(slices.Clone(sets), i, i+1), ""
	case action != "CREATE":
		return sets, "the double knows no " + action
	case i >= 0:
		return sets, fmt.Sprintf("Tried to create resource record set %s but it already exists", set)
	case set.Type == "CNAME" && set.Name == apex:
		return sets, fmt.Sprintf("RRSet of type CNAME with DNS name %s. is not permitted at apex in zone %s.", set.Name, apex)
	case len(set.Values) == 0 && set.Alias == "":
		return sets, fmt.Sprintf("%s has no value", set)
	}
	if slices.ContainsFunc(sets, func(o Set) bool { return o.Name == set.Name && (o.Type == "CNAME" || set.Type == "CNAME") }) {
		return sets, fmt.Sprintf("RRSet of type %s with DNS name %s. is not permitted as it conflicts with other records with the same DNS name", set.Type, set.Name)
	}
	return append(slices.Clone(sets), set), ""
}

func (s Set) key() string    { return s.Name + " " + s.Type + " " + s.Identifier }
func (s Set) String() string { return fmt.Sprintf("[name='%s.', type='%s']", s.Name, s.Type) }

func (s Set) same(o Set) bool {
	return s.TTL == o.TTL && s.Weight == o.Weight && s.Alias == o.Alias && s.HealthCheck == o.HealthCheck &&
		slices.Equal(slices.Sorted(slices.Values(s.Values)), slices.Sorted(slices.Values(o.Values)))
}

// reversed is a name as the service sorts it.
func reversed(name string) string {
	labels := strings.Split(name, ".")
	slices.Reverse(labels)
	return strings.Join(labels, ".") + "."
}
