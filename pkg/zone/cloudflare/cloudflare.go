// Package cloudflare changes a zone at Cloudflare by five calls of its API, written with net/http: the service's own library
// would add more to the image than all else that speaks DNS here. All changes travel in one batch, which the service carries
// out in one transaction of its database; its servers then learn record by record, so the read-back waits for them.
//
// The service does not compare: what is there is read right before the batch is sent, and who writes in between is overwritten
// without a trace. A plan has to allow that. Proxied records are refused, since clients get the proxy's addresses and not what
// the record says, and so are flattened aliases. A TTL that is "automatic" is taken for 300, which is what is served, and comes
// back as 300. The token appears in no error.
package cloudflare

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"

	"cutover.dev/cutover/pkg/fault"
	"cutover.dev/cutover/pkg/zone"
)

// Variable holds the API token. It has to allow Zone Read and DNS Write for the zone.
const Variable = "CUTOVER_CLOUDFLARE_TOKEN"

const (
	lowest    = 60    // seconds; zones of the plan Enterprise take 30
	automatic = 300   // seconds that a TTL of 1 means
	noRecord  = 81044 // what the service calls it when a record is not there
	most      = 200   // operations in one batch, in a zone of the plan Free; others take 3,500
)

// Editor is one zone. Make it with New.
type Editor struct {
	zone string
	o    Options

	mu sync.Mutex
	id string // of the zone, once it is known to be the right one
}

// Options of New.
type Options struct {
	Token string // "" is an error of whatever needs it
	ID    string // of the zone; "": the one of that name
	Base  string // "": the service's own address
}

// New makes an editor.
func New(zoneName string, o Options) *Editor {
	if o.Base == "" {
		o.Base = "https://api.cloudflare.com/client/v4"
	}
	return &Editor{zone: zoneName, o: o}
}

// Abilities is zone.Editor's.
func (e *Editor) Abilities() zone.Abilities { return zone.Abilities{Atomic: true, MinTTL: lowest} }

// Get is zone.Editor's. It reads the whole zone.
func (e *Editor) Get(ctx context.Context, names []string) (zone.Names, error) {
	have, err := e.list(ctx)
	if err != nil {
		return nil, err
	}
	return zone.Listing(have.plain).Names(names, "make each of them a record that is DNS only before the move, or put the host into spec.dns.skip and move it by hand")
}

// Swap is zone.Editor's, but for the moment between its look and its write.
func (e *Editor) Swap(ctx context.Context, changes []zone.Change) error {
	if len(changes) == 0 {
		return errors.New("nothing to change")
	}
	doing := fmt.Sprintf("change %d names in zone %s", len(changes), e.zone)
	have, err := e.list(ctx)
	if err != nil {
		return err
	}
	if err := zone.Listing(have.plain).As(changes); err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	var b batch
	for _, c := range changes {
		if _, alias := zone.Typed(c.Want, "CNAME"); alias && c.Name == e.zone {
			return fault.New(fault.Refused, "lead it to addresses", "%s: an alias at the apex is flattened, so nobody could read it back", doing)
		}
		if err := b.add(have[c.Name], c); err != nil {
			return err
		}
	}
	if b.size() > most {
		return zone.ErrTooLarge
	}
	if b.size() == 0 {
		return nil
	}
	return e.send(ctx, doing, b)
}

// Check is zone.Editor's: a batch that deletes what nobody has. Who may not write is told so before that. Only the service's
// word that there is no such record is a yes: of a zone that was not found, or a token it cannot read, it says no as well.
func (e *Editor) Check(ctx context.Context) error {
	const nobodys = "00000000000000000000000000000000"
	if _, err := e.hosted(ctx); err != nil {
		return err
	}
	doing := "see whether zone " + e.zone + " may be changed"
	err := e.send(ctx, doing, batch{Deletes: []record{{ID: nobodys}}})
	if no, said := errors.AsType[*answer](err); said && slices.Contains(no.codes, noRecord) {
		return nil
	}
	if err == nil {
		return fmt.Errorf("%s: it says that it deleted a record that nobody made", doing)
	}
	return err
}

func (e *Editor) send(ctx context.Context, doing string, b batch) error {
	id, err := e.hosted(ctx)
	if err != nil {
		return err
	}
	_, err = e.call(ctx, doing, http.MethodPost, "/zones/"+id+"/dns_records/batch", b, nil)
	return err
}

// hosted finds the zone, once.
func (e *Editor) hosted(ctx context.Context) (string, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.id != "" {
		return e.id, nil
	}
	doing := "find zone " + e.zone + " at Cloudflare"
	var found []hosted
	if e.o.ID != "" {
		found = make([]hosted, 1)
		if _, err := e.call(ctx, doing, http.MethodGet, "/zones/"+e.o.ID, nil, &found[0]); err != nil {
			return "", err
		}
	} else if _, err := e.call(ctx, doing, http.MethodGet, "/zones?per_page=50&name="+e.zone, nil, &found); err != nil {
		return "", err
	}
	found = slices.DeleteFunc(found, func(h hosted) bool { return ownerOf(h.Name) != e.zone })
	switch {
	case len(found) == 0:
		return "", fault.New(fault.Refused, "the token has to be allowed Zone Read for it, and spec.dns.zones[].cloudflare.id, if given, be its own",
			"%s: the token sees no zone of that name", doing)
	case len(found) > 1:
		return "", fault.New(fault.Refused, "say which one in spec.dns.zones[].cloudflare.id", "%s: the token sees several zones of that name: %s, %s", doing, found[0].ID, found[1].ID)
	case found[0].Type != "full":
		return "", fault.New(fault.Refused, "edit it where it comes from", "%s: it is a zone of type %s, whose records come from elsewhere", doing, found[0].Type)
	}
	e.id = found[0].ID
	return e.id, nil
}
