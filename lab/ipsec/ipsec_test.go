package ipsec

import (
	"os"
	"strings"
	"testing"

	"cutover.dev/cutover/lab/wan"
	"cutover.dev/cutover/lab/world"
)

// said is what swanctl of strongSwan 5.9.8 printed.
const said = `list-sa event {link {uniqueid=1 version=2 state=ESTABLISHED local-host=192.0.2.1 local-port=4500 local-id=192.0.2.1 remote-host=192.0.2.2 remote-port=4500 remote-id=192.0.2.2 initiator=yes initiator-spi=77c06b06f05cd60e responder-spi=b928d13dad579d73 nat-remote=yes nat-any=yes encr-alg=AES_CBC encr-keysize=128 integ-alg=HMAC_SHA2_256_128 prf-alg=PRF_HMAC_SHA2_256 dh-group=MODP_2048 established=2 rekey-time=13213 child-sas {link-1 {name=link uniqueid=1 reqid=1 state=INSTALLED mode=TUNNEL protocol=ESP encap=yes spi-in=72f187bf spi-out=8e10ff33 encr-alg=AES_CBC encr-keysize=128 integ-alg=HMAC_SHA2_256_128 bytes-in=69184 packets-in=70 bytes-out=68820 packets-out=63 rekey-time=3262 life-time=3958 install-time=2 local-ts=[0.0.0.0/0] remote-ts=[0.0.0.0/0]}}}}
list-sas reply {}
`

func TestTheCountersOfATunnelAreReadAndNoTunnelIsNone(t *testing.T) {
	got, err := parse([]byte(said))
	if want := (Counters{BytesIn: 69184, BytesOut: 68820, PacketsIn: 70, PacketsOut: 63}); err != nil || got != want {
		t.Errorf("%+v %v", got, err)
	}
	for what, text := range map[string]string{
		"no tunnel":     "list-sas reply {}\n",
		"without keys":  strings.Replace(said, "INSTALLED", "CREATED", 1),
		"other version": strings.Replace(said, "bytes-in", "octets-in", 1),
		"a number":      strings.Replace(said, "69184", "99999999999999999999", 1),
	} {
		if got, err := parse([]byte(text)); err == nil {
			t.Errorf("%s: %+v", what, got)
		}
	}
}

func TestOneSideBeginsAndBothExpectTheOther(t *testing.T) {
	w := world.At(t.TempDir())
	old, next := sideOf(w, world.Old), sideOf(w, world.New)
	if old.address != wan.Gateway(world.Old) || old.peer != next.address || next.peer != old.address {
		t.Errorf("%+v %+v", old, next)
	}
	if !strings.Contains(old.tunnelFile("x"), "start_action = start") || !strings.Contains(next.tunnelFile("x"), "start_action = none") {
		t.Error("not one of both begins")
	}
}

// A daemon does not start where there is a pid file.
func TestNothingIsLeftOfADaemonThatWasKilled(t *testing.T) {
	s := sideOf(world.At(t.TempDir()), world.Old)
	for range 2 {
		if err := s.write("x"); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(s.file("run/charon.pid")); err == nil {
			t.Error("its pid file is still there")
		}
		if err := os.WriteFile(s.file("run/charon.pid"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestTheSecretIsRootsAlone(t *testing.T) {
	s := sideOf(world.At(t.TempDir()), world.Old)
	if err := s.write("0sc2VjcmV0"); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(s.file("swanctl.conf"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info, err)
	}
	for _, word := range s.daemon().Argv {
		if strings.Contains(word, "c2VjcmV0") {
			t.Errorf("everybody sees %q", word)
		}
	}
}
