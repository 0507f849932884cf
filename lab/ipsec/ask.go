package ipsec

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strconv"

	"cutover.dev/cutover/lab/world"
)

// Counters are what one end has let through the tunnel since its keys were made.
type Counters struct {
	BytesIn    int64 `json:"bytesIn"`
	BytesOut   int64 `json:"bytesOut"`
	PacketsIn  int64 `json:"packetsIn"`
	PacketsOut int64 `json:"packetsOut"`
}

// Count asks the daemon of a cluster. That there is no tunnel is an error.
func Count(ctx context.Context, w world.World, c world.Cluster) (Counters, error) {
	return sideOf(w, c).counted(ctx)
}

// Down takes the tunnel away and leaves the daemons: what is sent into it gets nowhere.
func Down(ctx context.Context, w world.World) error {
	_, err := sideOf(w, world.Old).swanctl(ctx, "--terminate", "--ike", connection)
	return err
}

// Up makes it again.
func Up(ctx context.Context, w world.World) error {
	if _, err := sideOf(w, world.Old).swanctl(ctx, "--initiate", "--child", connection); err != nil {
		return err
	}
	return established(ctx, sides(w))
}

func (s side) counted(ctx context.Context) (Counters, error) {
	said, err := s.swanctl(ctx, "--list-sas", "--raw")
	if err != nil {
		return Counters{}, err
	}
	return parse(said)
}

var counter = regexp.MustCompile(`\b(bytes|packets)-(in|out)=(\d+)`)

// parse adds up what all installed keys let through: while keys are renewed there are two pairs of them.
func parse(said []byte) (all Counters, err error) {
	if !bytes.Contains(said, []byte("state=INSTALLED")) {
		return all, errors.New("there is no tunnel")
	}
	to := map[string]*int64{"bytesin": &all.BytesIn, "bytesout": &all.BytesOut, "packetsin": &all.PacketsIn, "packetsout": &all.PacketsOut}
	found := counter.FindAllSubmatch(said, -1)
	for _, m := range found {
		n, err := strconv.ParseInt(string(m[3]), 10, 64)
		if err != nil {
			return all, fmt.Errorf("read the tunnel's counters: %w", err)
		}
		*to[string(m[1])+string(m[2])] += n
	}
	if len(found) < len(to) {
		return all, fmt.Errorf("read the tunnel's counters: %d of %d are there", len(found), len(to))
	}
	return all, nil
}

// swanctl runs the daemon's own tool. It shows no secrets.
func (s side) swanctl(ctx context.Context, args ...string) ([]byte, error) {
	cmd := world.Command(ctx, s.space, "swanctl", append(args, "--uri", s.socket())...)
	cmd.Env = append(os.Environ(), "STRONGSWAN_CONF="+s.file("strongswan.conf"), "SWANCTL_DIR="+s.dir)
	var said, complained bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &complained
	if err := cmd.Run(); err != nil {
		first, _, _ := bytes.Cut(bytes.TrimSpace(append(complained.Bytes(), said.Bytes()...)), []byte("\n")) // its usage follows
		return nil, fmt.Errorf("swanctl %v of %s: %w: %s", args, s.name, err, first)
	}
	return said.Bytes(), nil
}
