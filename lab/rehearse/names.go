package rehearse

import (
	"context"
	"fmt"
	"io"
	"time"

	"cutover.dev/cutover/lab/load"
	"cutover.dev/cutover/lab/names"
	"cutover.dev/cutover/lab/objects"
	"cutover.dev/cutover/lab/world"
)

// The groups of clients where names lead to the entries, beside the Stayers, who have pinned the address of old: those whose
// resolver keeps to TTLs, those whose resolver stretches them, and those who never close a connection as long as it works, and
// ask for a name once for ever.
const (
	Followers = "followers"
	Stretched = "stretched"
	Keepers   = "keepers"
)

// asksAgain is how long clients keep a connection before they ask their resolver again.
const asksAgain = 500 * time.Millisecond

// ClientsByName starts these four groups with rate requests a second together, 2 of 5 by those who follow.
func ClientsByName(ctx context.Context, w world.World, rate int, ledger io.Writer) (*load.Load, error) {
	roots, err := Roots(w)
	if err != nil {
		return nil, err
	}
	by := func(s names.Server, lifetime time.Duration) *load.Names {
		n := &load.Names{Resolver: s.Resolver(), Port: "443", Places: map[string]string{}, Lifetime: lifetime, Once: lifetime == 0}
		for _, c := range world.Clusters() {
			n.Places[c.Entry] = c.Name
		}
		return n
	}
	nowhere := load.Entry{Name: "unknown"}
	return load.Start(ctx, load.Options{
		Targets: Targets(), Roots: roots, Ledger: ledger,
		Groups: []load.Group{
			{Name: Followers, Entry: nowhere, Names: by(names.Honouring, asksAgain), Rate: rate - 3*(rate/5)},
			{Name: Stretched, Entry: nowhere, Names: by(names.Stretching, asksAgain), Rate: rate / 5},
			{Name: Keepers, Entry: nowhere, Names: by(names.Honouring, 0), Kept: true, Rate: rate / 5, Sessions: 1},
			{Name: Stayers, Entry: EntryOf(world.Old), Rate: rate / 5, Sessions: 1},
		},
	})
}

// Named is the tool with the secret that lets it change the lab's zones.
func Named(w world.World, t Tool) (Tool, error) {
	secret, err := names.Secret(w)
	if err != nil {
		return t, err
	}
	return t.With(map[string]string{names.SecretVariable: secret}), nil
}

// Admit lets the tool do in both clusters what it says that it needs for its plan, and nothing else.
func Admit(ctx context.Context, w world.World, t Tool) error {
	for _, c := range world.Clusters() {
		admin, err := objects.Connect(w.Kubeconfig(c, world.UserAdmin))
		if err != nil {
			return err
		}
		for _, role := range roles {
			text, err := t.roles(ctx, c, role)
			if err != nil {
				return err
			}
			list, err := objects.Parse(text)
			if err == nil {
				err = admin.Apply(ctx, list...)
			}
			if err != nil {
				return fmt.Errorf("let the tool in as %s in %s: %w", role, c.Name, err)
			}
		}
	}
	return nil
}
