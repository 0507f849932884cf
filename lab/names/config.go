package names

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"cutover.dev/cutover/lab/world"
)

// Zone is one zone and the hosts of old in it.
type Zone struct {
	Name  string
	Hosts []string
}

// Zones hold every host that the lab's old cluster has a route for.
func Zones() []Zone {
	return []Zone{
		{"shop.test", []string{"shop.test", "live.shop.test", "chat.shop.test"}},
		{"blog.test", []string{"*.blog.test"}},
		{"media.test", []string{"media.test"}},
		{"reports.test", []string{"reports.test"}},
	}
}

// The key that may change the zones.
const (
	Key       = "lab."
	Algorithm = "hmac-sha256"
)

// Times, in seconds.
const (
	TTL     = 8        // of the records before anybody lowers it
	Lag     = 3        // after which the secondary looks for changes; nobody tells it
	Stretch = 6 * 3600 // for which the stretching cache keeps an answer at least: longer than any test or demo
)

// file is the zone as it is in the beginning.
func (z Zone) file() string {
	var b strings.Builder
	fmt.Fprintf(&b, "$ORIGIN %s.\n$TTL %d\n@ IN SOA ns1 hostmaster 1 %d 1 600 1\n@ IN NS ns1\n@ IN NS ns2\n", z.Name, TTL, Lag)
	fmt.Fprintf(&b, "ns1 IN A %s\nns2 IN A %s\n", world.PrimaryDNS, world.SecondaryDNS)
	for _, host := range z.Hosts {
		fmt.Fprintf(&b, "%s. IN A %s\n", host, world.Old.Entry)
	}
	return b.String()
}

// write writes what the servers are started with.
func write(w world.World, secret string) error {
	errs := []error{}
	for _, c := range []struct {
		of            Server
		name, content string
	}{
		{Primary, "named.conf", bind(folder(w, Primary), secret)},
		{Primary, "secret", secret},
		{Secondary, "knot.conf", knot(folder(w, Secondary))},
		{Honouring, "unbound.conf", cache(Honouring, folder(w, Honouring), 0)},
		{Stretching, "unbound.conf", cache(Stretching, folder(w, Stretching), Stretch)},
	} {
		errs = append(errs, put(filepath.Join(folder(w, c.of), c.name), c.content))
	}
	for _, z := range Zones() {
		errs = append(errs, put(filepath.Join(folder(w, Primary), z.Name+".zone"), z.file()))
	}
	for _, d := range []string{"db", "run"} {
		errs = append(errs, os.MkdirAll(filepath.Join(folder(w, Secondary), d), 0o700))
	}
	return errors.Join(errs...)
}

func put(path, content string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return os.WriteFile(path, []byte(content), 0o600)
}

func bind(dir, secret string) string {
	var b strings.Builder
	fmt.Fprintf(&b, `options { directory %[1]q; pid-file "named.pid"; session-keyfile "session.key"; managed-keys-directory %[1]q;
  listen-on port 53 { %[2]s; }; listen-on-v6 { none; }; recursion no; dnssec-validation no; notify no; };
controls { };
key %[3]q { algorithm %[4]s; secret %[5]q; };
`, dir, world.PrimaryDNS, Key, Algorithm, secret)
	for _, z := range Zones() {
		fmt.Fprintf(&b, `zone %[1]q { type primary; file "%[1]s.zone"; allow-transfer { %[2]s; };
  update-policy { grant %[3]s zonesub A AAAA CNAME HTTPS TXT; }; };
`, z.Name, world.SecondaryDNS, Key)
	}
	return b.String()
}

func knot(dir string) string {
	var b strings.Builder
	fmt.Fprintf(&b, `server:
    rundir: %q
    listen: %s@53
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
database:
    storage: %q
log:
  - target: stderr
    any: info
remote:
  - id: primary
    address: %s@53
    via: %s
zone:
`, filepath.Join(dir, "run"), world.SecondaryDNS, filepath.Join(dir, "db"), world.PrimaryDNS, world.SecondaryDNS)
	for _, z := range Zones() {
		fmt.Fprintf(&b, "  - domain: %s\n    storage: %q\n    master: primary\n    zonefile-sync: -1\n", z.Name, dir)
	}
	return b.String()
}

// cache is a caching resolver that asks both name servers. least is for how many seconds it keeps an answer at least.
func cache(s Server, dir string, least int) string {
	var b strings.Builder
	fmt.Fprintf(&b, `server:
    directory: %q
    chroot: ""
    username: ""
    interface: %s
    port: 53
    do-ip6: no
    access-control: %s allow
    access-control: %s allow
    access-control: %s allow
    num-threads: 1
    use-syslog: no
    module-config: "iterator"
    cache-min-ttl: %d
    cache-max-negative-ttl: 1
    local-zone: "test." nodefault
remote-control:
    control-enable: no
`, dir, s.Address, world.Network, world.Old.PodRange(), world.New.PodRange(), least)
	for _, z := range Zones() {
		fmt.Fprintf(&b, "stub-zone:\n    name: %q\n    stub-addr: %s\n    stub-addr: %s\n", z.Name, world.PrimaryDNS, world.SecondaryDNS)
	}
	return b.String()
}
