// Package names starts the lab's name servers, in a network of their own beside a lab that is up and wants them: a primary
// that takes signed updates, a secondary that copies it a moment late, and two caches, of which one keeps to TTLs and one
// stretches them. It never changes a zone: that is the tool's.
package names

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"cutover.dev/cutover/lab/netns"
	"cutover.dev/cutover/lab/proc"
	"cutover.dev/cutover/lab/progress"
	"cutover.dev/cutover/lab/ready"
	"cutover.dev/cutover/lab/state"
	"cutover.dev/cutover/lab/world"
)

// Server is one of them.
type Server struct {
	Name    string // among the lab's daemons
	Address string
	argv    func(folder string) []string
}

// The servers: BIND, Knot, and Unbound twice.
var (
	Primary = Server{"names-primary", world.PrimaryDNS, func(folder string) []string {
		return []string{"named", "-f", "-c", filepath.Join(folder, "named.conf"), "-n", "1", "-U", "1"}
	}}
	Secondary = Server{"names-secondary", world.SecondaryDNS, func(folder string) []string {
		return []string{"knotd", "-c", filepath.Join(folder, "knot.conf")}
	}}
	Honouring  = Server{"names-honouring", world.HonouringDNS, unbound}
	Stretching = Server{"names-stretching", world.StretchingDNS, unbound}
)

func unbound(folder string) []string {
	return []string{"unbound", "-d", "-p", "-c", filepath.Join(folder, "unbound.conf")}
}

// Servers are all of them, in an order in which they can be started.
func Servers() []Server { return []Server{Primary, Secondary, Honouring, Stretching} }

// At is where it answers.
func (s Server) At() string { return net.JoinHostPort(s.Address, "53") }

// Resolver asks this server alone, and remembers nothing.
func (s Server) Resolver() *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, s.At())
	}}
}

// Answers asks it for a name of every zone.
func (s Server) Answers(ctx context.Context) error {
	for _, z := range Zones() {
		if _, err := s.Resolver().LookupNetIP(ctx, "ip4", strings.Replace(z.Hosts[0], "*", "any", 1)+"."); err != nil {
			return err
		}
	}
	return nil
}

// Deps is what they are started with.
type Deps struct {
	World  world.World
	State  *state.File
	Report *progress.Progress
}

// Steps is how many steps Start reports.
const Steps = 1

func folder(w world.World, s Server) string { return filepath.Join(w.Run, s.Name) }

// SecretVariable is where the tool looks for the secret of the key that may change the zones.
const SecretVariable = "CUTOVER_TSIG_SECRET"

// Secret is that secret, new in every lab.
func Secret(w world.World) (string, error) {
	b, err := os.ReadFile(secretFile(w))
	if err != nil {
		return "", fmt.Errorf("read the secret of the name servers: %w", err)
	}
	return string(b), nil
}

func secretFile(w world.World) string { return filepath.Join(folder(w, Primary), "secret") }

// Running says whether they were started in this lab, and why they cannot be now if that came to no end.
func Running(d Deps) (bool, error) {
	started := 0
	for _, p := range d.State.Now().Processes {
		for _, s := range Servers() {
			if p.Name == s.Name && proc.Alive(p.PID, p.Start) {
				started++
			}
		}
	}
	_, err := os.Stat(world.NetFile(world.NetNames))
	switch {
	case started == len(Servers()):
		return true, nil
	case err == nil:
		return false, fmt.Errorf("only %d of %d name servers run: take the lab down first", started, len(Servers()))
	}
	return false, nil
}

// Start starts all of them and waits until each answers for every zone. All names lead to the entry of old.
func Start(ctx context.Context, d Deps) error {
	if err := installed(); err != nil {
		return err
	}
	secret := make([]byte, 32)
	if _, err := rand.Read(secret); err != nil {
		return fmt.Errorf("make the secret of the name servers: %w", err)
	}
	if err := write(d.World, base64.StdEncoding.EncodeToString(secret)); err != nil {
		return fmt.Errorf("set up the name servers: %w", err)
	}
	var addresses []string
	for _, s := range Servers() {
		addresses = append(addresses, s.Address+"/24")
	}
	if err := netns.Add(ctx, world.NetNames, addresses...); err != nil {
		return err
	}
	for _, s := range Servers() { // one after the other: each asks those before it
		if err := proc.Start(ctx, d.World, d.State, proc.Daemon{Name: s.Name, Net: world.NetNames, Argv: s.argv(folder(d.World, s))}); err != nil {
			return err
		}
		err := ready.Until(ctx, s.Name+" answers", 20*time.Second, func(ctx context.Context) error {
			no := s.Answers(ctx)
			if no == nil {
				return nil
			}
			if dead := proc.Ended(d.World, d.State, s.Name); dead != nil {
				return ready.Fatal(dead)
			}
			return no
		})
		if err != nil {
			return err
		}
	}
	d.Report.Done("name servers answer")
	return nil
}

// installed says which program is missing.
func installed() error {
	return proc.Installed("servers", map[string]string{"named": "bind9", "knotd": "knot", "unbound": "unbound"})
}
