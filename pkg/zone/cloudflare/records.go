package cloudflare

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/miekg/dns"

	"cutover.dev/cutover/pkg/zone"
)

// record is one record as the service has it; of one that is written, only what is to be set.
type record struct {
	ID       string    `json:"id,omitempty"`
	Name     string    `json:"name,omitempty"`
	Type     string    `json:"type,omitempty"`
	Content  string    `json:"content,omitempty"`
	TTL      uint32    `json:"ttl,omitempty"`
	Proxied  *bool     `json:"proxied,omitempty"`
	Data     *binding  `json:"data,omitempty"`
	Settings *settings `json:"settings,omitempty"`
}

// binding is the content of an HTTPS record, which the service takes in parts only.
type binding struct {
	Priority uint16 `json:"priority"`
	Target   string `json:"target"`
	Value    string `json:"value"`
}

type settings struct {
	Flatten bool `json:"flatten_cname"`
}

// listing is the records of zone.Types under each name.
type listing map[string][]record

func (e *Editor) list(ctx context.Context) (listing, error) {
	id, err := e.hosted(ctx)
	if err != nil {
		return nil, err
	}
	all := listing{}
	for page, pages := 1, 1; page <= pages; page++ {
		var records []record
		if pages, err = e.call(ctx, "read zone "+e.zone, http.MethodGet, fmt.Sprintf("/zones/%s/dns_records?per_page=1000&page=%d", id, page), nil, &records); err != nil {
			return nil, err
		}
		for _, r := range records {
			if slices.Contains(zone.Types, r.Type) {
				all[ownerOf(r.Name)] = append(all[ownerOf(r.Name)], r)
			}
		}
	}
	return all, nil
}

func ownerOf(name string) string { return strings.TrimSuffix(strings.ToLower(name), ".") }

// plain is what a name owns. The error names each record whose answer is not its data.
func (l listing) plain(name string) ([]zone.Set, error) {
	var records []dns.RR
	var nos []error
	for _, r := range l[name] {
		switch {
		case r.Proxied != nil && *r.Proxied:
			nos = append(nos, fmt.Errorf("%s %s is proxied by Cloudflare, so clients get the proxy's addresses", name, r.Type))
			continue
		case r.Type == "CNAME" && r.Settings != nil && r.Settings.Flatten:
			nos = append(nos, fmt.Errorf("%s CNAME is flattened by Cloudflare, so clients get addresses", name))
			continue
		}
		rr, err := r.wire(name)
		records, nos = append(records, rr), append(nos, err)
	}
	if err := errors.Join(nos...); err != nil {
		return nil, err
	}
	return zone.Sets(records), nil
}

func (r record) wire(name string) (dns.RR, error) {
	ttl := r.TTL
	if ttl == 1 {
		ttl = automatic
	}
	content := r.Content
	if r.Type == "CNAME" {
		content = dns.Fqdn(content)
	}
	rr, err := dns.NewRR(fmt.Sprintf(". %d IN %s %s", ttl, r.Type, content))
	if err != nil || rr == nil {
		return nil, fmt.Errorf("%s %s has a content that cannot be read: %q", name, r.Type, r.Content)
	}
	rr.Header().Name = dns.Fqdn(name)
	return rr, nil
}

// batch is carried out in this order, whatever is in it.
type batch struct {
	Deletes []record `json:"deletes,omitempty"`
	Patches []record `json:"patches,omitempty"`
	Posts   []record `json:"posts,omitempty"`
}

func (b *batch) size() int { return len(b.Deletes) + len(b.Patches) + len(b.Posts) }

// add finds the least that makes what is there what is wanted: a record that stays of its type is patched, so that its comment
// and tags stay. What already is as wanted is left alone.
func (b *batch) add(have []record, c zone.Change) error {
	left := slices.Clone(have)
	take := func(fits func(record) bool) (record, bool) {
		i := slices.IndexFunc(left, fits)
		if i < 0 {
			return record{}, false
		}
		r := left[i]
		left = slices.Delete(left, i, i+1)
		return r, true
	}
	var rest []record
	for _, s := range c.Want {
		for _, data := range s.Data {
			want, err := written(s, data)
			if err != nil {
				return err
			}
			if r, there := take(func(r record) bool { return r.says(c.Name, s.Type, data) }); !there {
				rest = append(rest, want)
			} else if rr, err := r.wire(c.Name); err != nil || rr.Header().Ttl != s.TTL {
				b.Patches = append(b.Patches, record{ID: r.ID, TTL: s.TTL})
			}
		}
	}
	for _, want := range rest {
		if r, there := take(func(r record) bool { return r.Type == want.Type }); there {
			b.Patches = append(b.Patches, record{ID: r.ID, Content: want.Content, Data: want.Data, TTL: want.TTL})
			continue
		}
		b.Posts = append(b.Posts, want)
	}
	for _, r := range left {
		b.Deletes = append(b.Deletes, record{ID: r.ID})
	}
	return nil
}

// says compares in one way of writing.
func (r record) says(name, kind, data string) bool {
	rr, err := r.wire(name)
	if err != nil || r.Type != kind {
		return false
	}
	sets := zone.Sets([]dns.RR{rr})
	return len(sets) == 1 && slices.Equal(sets[0].Data, []string{data})
}

// written is a new record.
func written(s zone.Set, data string) (record, error) {
	no := false
	r := record{Name: s.Name, Type: s.Type, TTL: s.TTL, Content: data}
	switch s.Type {
	case "CNAME":
		r.Content, r.Proxied = strings.TrimSuffix(data, "."), &no
	case "HTTPS":
		parts := strings.SplitN(data, " ", 3)
		rr, err := dns.NewRR(". 0 IN HTTPS " + data)
		https, is := rr.(*dns.HTTPS)
		if err != nil || !is || len(parts) < 2 {
			return record{}, fmt.Errorf("write %s HTTPS %q for Cloudflare: it cannot be read", s.Name, data)
		}
		r.Content, r.Data = "", &binding{Priority: https.Priority, Target: https.Target, Value: strings.Join(parts[2:], "")}
	default:
		r.Proxied = &no
	}
	return r, nil
}
