package zonetest

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

func (s *Server) bind(o Options) *exec.Cmd {
	var notify strings.Builder
	for _, at := range o.Notify {
		host, port, _ := net.SplitHostPort(at)
		fmt.Fprintf(&notify, "%s port %s; ", host, port)
	}
	told := "notify no;"
	if notify.Len() > 0 {
		told = "notify explicit; also-notify { " + notify.String() + "};"
	}
	s.write("named.conf", fmt.Sprintf(`options { directory %[1]q; pid-file "named.pid"; session-keyfile "session.key"; managed-keys-directory %[1]q;
  listen-on port %[2]d { %[3]s; }; listen-on-v6 { none; }; recursion no; dnssec-validation no; notify-rate 1000; startup-notify-rate 1000; };
controls { };
key "mig." { algorithm hmac-sha256; secret %[4]q; };
zone %[5]q { type primary; file "%[5]s.zone"; update-policy { grant mig. zonesub A AAAA CNAME HTTPS TXT; };
  notify-delay 0; allow-transfer { any; }; %[6]s };
`, s.dir, o.Port, o.IP, s.Secret, o.Zone, told))
	return exec.Command("named", "-f", "-c", filepath.Join(s.dir, "named.conf"), "-n", "1", "-U", "1")
}

func (s *Server) knot(o Options) *exec.Cmd {
	for _, d := range []string{"db", "run"} { // without db an update ends in SERVFAIL
		if err := os.MkdirAll(filepath.Join(s.dir, d), 0o700); err != nil {
			s.t.Fatal(err)
		}
	}
	remote, zone := "", "zonefile-load: difference-no-serial\n    journal-content: all\n    serial-policy: increment"
	if o.Primary != "" {
		remote = "remote:\n  - id: primary\n    address: " + strings.Replace(o.Primary, ":", "@", 1) + "\n"
		zone = "master: primary"
		if err := os.Remove(filepath.Join(s.dir, o.Zone+".zone")); err != nil {
			s.t.Fatal(err)
		}
	}
	if o.Signed {
		zone += "\n    dnssec-signing: on"
	}
	s.write("knot.conf", fmt.Sprintf(`server:
    rundir: %[1]q
    listen: %[2]s@%[3]d
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
database:
    storage: %[4]q
key:
  - id: mig
    algorithm: hmac-sha256
    secret: %[5]s
%[6]sacl:
  - id: upd
    key: mig
    action: [update, transfer]
    update-owner: zone
    update-owner-match: sub-or-equal
    update-type: [A, AAAA, CNAME, HTTPS, TXT]
  - id: told
    action: [notify, transfer]
    address: [127.0.0.0/8, %[2]s]
zone:
  - domain: %[7]s
    storage: %[8]q
    file: %[7]s.zone
    acl: [upd, told]
    zonefile-sync: -1
    %[9]s
`, filepath.Join(s.dir, "run"), o.IP, o.Port, filepath.Join(s.dir, "db"), s.Secret, remote, o.Zone, s.dir, zone))
	return exec.Command("knotd", "-c", filepath.Join(s.dir, "knot.conf"))
}

func (s *Server) powerDNS(o Options) *exec.Cmd {
	s.write("pdns.conf", fmt.Sprintf(`launch=gsqlite3
gsqlite3-database=%[1]s/pdns.sqlite3
local-address=%[2]s
local-port=%[3]d
socket-dir=%[1]s
dnsupdate=yes
allow-dnsupdate-from=127.0.0.0/8
cache-ttl=0
query-cache-ttl=0
negquery-cache-ttl=0
zone-cache-refresh-interval=0
`, s.dir, o.IP, o.Port))
	schema, err := os.ReadFile("/usr/share/pdns-backend-sqlite3/schema/schema.sqlite3.sql")
	if err != nil {
		missing(s.t, "PowerDNS's backend for SQLite is not installed (Debian: pdns-backend-sqlite3)")
	}
	s.do("", "sqlite3", filepath.Join(s.dir, "pdns.sqlite3"), string(schema))
	for _, args := range [][]string{
		{"load-zone", o.Zone, filepath.Join(s.dir, o.Zone+".zone")},
		{"import-tsig-key", "mig", "hmac-sha256", s.Secret},
		{"set-meta", o.Zone, "TSIG-ALLOW-DNSUPDATE", "mig"},
		{"set-meta", o.Zone, "SOA-EDIT-DNSUPDATE", "INCREASE"},
	} {
		s.do(s.dir, "pdnsutil", append([]string{"--config-dir=" + s.dir}, args...)...)
	}
	return exec.Command("pdns_server", "--config-dir="+s.dir, "--daemon=no", "--guardian=no")
}

func (s *Server) do(dir, program string, args ...string) {
	s.t.Helper()
	cmd := exec.Command(program, args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		s.t.Fatalf("%s: %v: %s", program, err, out)
	}
}
