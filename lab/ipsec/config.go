package ipsec

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"cutover.dev/cutover/lab/proc"
)

// charon is where Debian puts the daemon.
const charon = "/usr/lib/ipsec/charon"

// side is one end of the tunnel.
type side struct {
	name          string // among the lab's daemons
	space, dir    string // its network, the folder of its files
	address, peer string // of both gateways
	dials         bool   // it begins: one does, or there are two tunnels
}

// begin enters the network before the mounts are its own: two daemons would share a pid file and a socket below /run.
const begin = `mount --bind "$1" /run && exec "$2"`

func (s side) daemon() proc.Daemon {
	return proc.Daemon{Name: s.name, Net: s.space, Argv: []string{
		"env", "STRONGSWAN_CONF=" + s.file("strongswan.conf"), "unshare", "--mount", "sh", "-c", begin, "charon", s.file("run"), charon,
	}}
}

func (s side) file(name string) string { return filepath.Join(s.dir, name) }

func (s side) socket() string { return "unix://" + s.file("vici") }

// write writes what the daemon and its tool are started with. Only root may read it: the secret is in it. A daemon that was killed
// has left a pid file, which would keep the next one from starting.
func (s side) write(secret string) error {
	return errors.Join(
		os.RemoveAll(s.dir),
		os.MkdirAll(s.file("run"), 0o700),
		os.WriteFile(s.file("strongswan.conf"), []byte(s.daemonFile()), 0o600),
		os.WriteFile(s.file("swanctl.conf"), []byte(s.tunnelFile(secret)), 0o600),
	)
}

// daemonFile: ESP in the program itself (kernel-libipsec), since a kernel need not have it. That makes the device ipsec0, and a
// default route through it, which is put behind all that the network has: what goes into the tunnel the routes of wan decide.
func (s side) daemonFile() string {
	return fmt.Sprintf(`charon {
  load = random nonce aes sha1 sha2 hmac kdf gmp socket-default kernel-libipsec kernel-netlink vici
  interfaces_use = wan0
  routing_table = 220
  routing_table_prio = 40000
  filelog { stderr { default = 1 } }
  syslog { daemon { default = -1 } auth { default = -1 } }
  plugins { vici { socket = %s } }
}
swanctl { load = random }
`, s.socket())
}

func (s side) tunnelFile(secret string) string {
	action := "none"
	if s.dials {
		action = "start"
	}
	return fmt.Sprintf(`connections {
  %[1]s {
    version = 2
    mobike = no
    encap = yes
    keyingtries = 0
    local_addrs = %[2]s
    remote_addrs = %[3]s
    proposals = aes128-sha256-modp2048
    local {
      auth = psk
      id = %[2]s
    }
    remote {
      auth = psk
      id = %[3]s
    }
    children {
      %[1]s {
        local_ts = 0.0.0.0/0
        remote_ts = 0.0.0.0/0
        esp_proposals = aes128-sha256
        start_action = %[4]s
      }
    }
  }
}
secrets {
  ike-%[1]s {
    secret = %[5]s
  }
}
`, connection, s.address, s.peer, action, secret)
}
