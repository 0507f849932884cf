// Package route53 changes a public hosted zone of Amazon Route 53. All names travel in one batch, in which every old set is
// deleted as it was and every new one created: the service makes all of it or nothing, and refuses to delete what is not there
// any more or to create what is there already, which makes it a compare-and-swap. A set of a type that a name did not have
// cannot be compared; who adds one in that moment is found by the read-back.
//
// Records that answer by other rules than their own data (aliases, weights and other routing policies, health checks) are
// refused: neither their TTL nor their way back could be promised. Whether a change is served is left to the read-back, so
// nobody waits for INSYNC here. Credentials are found as the AWS SDK finds them, and appear in no error.
package route53

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	api "github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"

	"cutover.dev/cutover/pkg/fault"
	"cutover.dev/cutover/pkg/phase"
	"cutover.dev/cutover/pkg/zone"
)

const (
	patience = 30 * time.Second // how long one question may take, those that are asked again because of throttling included
	attempts = 6                // the service lets an account ask five times a second, all its tools together

	most           = 1000  // resource records in one batch
	mostCharacters = 32000 // of all their values

	region = "us-east-1" // Route 53 is one place for the whole world
)

// Editor is one public hosted zone. Make it with New.
type Editor struct {
	zone string
	o    Options

	mu     sync.Mutex
	client *api.Client
	id     string // of the hosted zone, once it is known to be the right one
}

// Options of New.
type Options struct {
	ID     string      // of the hosted zone; "": the only public one of that name
	Config *aws.Config // nil: as the environment says
}

// New makes an editor. Credentials are looked for when they are needed.
func New(zoneName string, o Options) *Editor { return &Editor{zone: zoneName, o: o} }

// Abilities is zone.Editor's.
func (e *Editor) Abilities() zone.Abilities {
	return zone.Abilities{CompareAndSwap: true, Atomic: true}
}

// Get is zone.Editor's. It reads the whole zone, 300 sets a request: the service has no question about several names.
func (e *Editor) Get(ctx context.Context, names []string) (zone.Names, error) {
	have, err := e.list(ctx)
	if err != nil {
		return nil, err
	}
	return zone.Listing(have.plain).Names(names, "make each of them a plain record with a TTL before the move, or add the host to spec.dns.skip")
}

// Swap is zone.Editor's. The batch deletes sets in the service's own words, so it reads them first.
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
	b := batch{}
	for _, c := range changes {
		for _, raw := range have[c.Name] {
			if slices.Contains(zone.Types, string(raw.Type)) {
				b.add(types.ChangeActionDelete, raw)
			}
		}
		for _, s := range c.Want {
			b.add(types.ChangeActionCreate, raw(s))
		}
	}
	if b.records > most || b.characters > mostCharacters {
		return zone.ErrTooLarge
	}
	err = e.change(ctx, b.changes)
	if refusal, refused := errors.AsType[*types.InvalidChangeBatch](err); refused {
		return e.settle(ctx, doing, changes, refusal)
	}
	return e.judge(doing, err)
}

// settle finds out what a batch came to that the service calls invalid. It may have been sent more than once, so that what is
// refused is the second copy of one that was carried out; and why it was refused is only in words. So the zone is read again.
func (e *Editor) settle(ctx context.Context, doing string, changes []zone.Change, refusal *types.InvalidChangeBatch) error {
	have, err := e.list(ctx)
	if err != nil { // in words alone: no code of it is about the batch
		return fmt.Errorf("%s: Route 53 says %s, and what the zone has now could not be read: %s", doing, why(refusal), err.Error())
	}
	if zone.Listing(have.plain).As(changed(changes)) == nil {
		return nil
	}
	if zone.Listing(have.plain).As(changes) != nil {
		return fmt.Errorf("%s: %w", doing, phase.ErrMoved)
	}
	return e.judge(doing, refusal)
}

// changed is changes that find all as these left it.
func changed(changes []zone.Change) []zone.Change {
	all := slices.Clone(changes)
	for i := range all {
		all[i].Was = all[i].Want
	}
	return all
}

// Check is zone.Editor's: a batch that no zone can carry out, since it deletes what nobody could have made. Who may not write
// is told so before that. Its type is one that moves, since a policy may let only some types be changed.
func (e *Editor) Check(ctx context.Context) error {
	doing := "see whether zone " + e.zone + " may be changed"
	nobodys, err := rand.Int(rand.Reader, big.NewInt(1<<31))
	if err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	err = e.change(ctx, []types.Change{{Action: types.ChangeActionDelete, ResourceRecordSet: &types.ResourceRecordSet{
		Name: aws.String("_cutover-check." + e.zone + "."), Type: types.RRTypeA, TTL: aws.Int64(nobodys.Int64()),
		ResourceRecords: []types.ResourceRecord{{Value: aws.String("192.0.2.1")}},
	}}})
	if _, let := errors.AsType[*types.InvalidChangeBatch](err); let {
		return nil
	}
	if err == nil {
		return fmt.Errorf("%s: it says that it deleted a record that nobody made", doing)
	}
	return e.judge(doing, err)
}

func (e *Editor) change(ctx context.Context, changes []types.Change) error {
	client, id, err := e.hosted(ctx)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	_, err = client.ChangeResourceRecordSets(ctx, &api.ChangeResourceRecordSetsInput{
		HostedZoneId: &id, ChangeBatch: &types.ChangeBatch{Changes: changes},
	})
	return err
}

// hosted finds the hosted zone, once.
func (e *Editor) hosted(ctx context.Context) (*api.Client, string, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.id != "" {
		return e.client, e.id, nil
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if e.client == nil {
		c := e.o.Config
		if c == nil {
			loaded, err := config.LoadDefaultConfig(ctx, config.WithDefaultRegion(region))
			if err != nil {
				return nil, "", fault.Wrap(fault.Usage, hintCredentials, fmt.Errorf("read the AWS configuration for zone %s: %w", e.zone, err))
			}
			c = &loaded
		}
		e.client = api.NewFromConfig(*c, func(o *api.Options) { o.RetryMaxAttempts = attempts })
	}
	id, err := e.find(ctx)
	if err != nil {
		return nil, "", err
	}
	e.id = id
	return e.client, id, nil
}
