package writes

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"cutover.dev/cutover/lab/world"
)

// What counts losses has to count one: here somebody takes an acknowledged write away.
func TestAnAcknowledgedWriteThatIsGoneIsCounted(t *testing.T) {
	host := mongod(t)
	client, err := mongo.Connect(options.Client().SetHosts([]string{host}).SetDirect(true))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Disconnect(context.WithoutCancel(t.Context())) //nolint:errcheck // the server goes too
	config := bson.D{{Key: "_id", Value: "rs0"}, {Key: "members", Value: bson.A{bson.D{{Key: "_id", Value: 0}, {Key: "host", Value: host}}}}}
	if err := client.Database("admin").RunCommand(t.Context(), bson.D{{Key: "replSetInitiate", Value: config}}).Err(); err != nil {
		t.Fatal(err)
	}
	var ledger bytes.Buffer
	w, err := Start(t.Context(), Options{
		URI: "mongodb://" + host + "/?replicaSet=rs0", Database: "shop", Hosts: []string{host}, Ledger: &ledger, Pause: time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	gone := w.id("plain", 0)
	if r, err := client.Database("shop").Collection(collection).DeleteOne(t.Context(), bson.D{{Key: "_id", Value: gone}}); err != nil || r.DeletedCount != 1 {
		t.Errorf("take %s away: %+v %v", gone, r, err)
	}
	r, err := w.Stop(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if r.Lost != 1 || r.Failed != 0 || r.Writes < 2 || r.Reads < 1 {
		t.Errorf("%+v, want one lost and none failed", r)
	}
	if !strings.Contains(ledger.String(), gone) {
		t.Errorf("the ledger does not name %s:\n%s", gone, &ledger)
	}
}

// mongod starts one without authentication, and without a set yet, at an address of its own. Without a lab's cache there is
// none to start.
func mongod(t *testing.T) (host string) {
	t.Helper()
	w, err := world.Here()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(w.Tool("mongod")); err != nil {
		t.Skipf("the lab was never up here, so there is no mongod: %v", err)
	}
	held, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	host = held.Addr().String()
	held.Close()
	address, port, _ := net.SplitHostPort(host)
	cmd := exec.Command(w.Tool("mongod"), "--replSet", "rs0", "--bind_ip", address, "--port", port, "--dbpath", t.TempDir(), "--nounixsocket",
		"--wiredTigerCacheSizeGB", "0.25", "--oplogSize", "64", "--setParameter", "diagnosticDataCollectionEnabled=false")
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr, cmd.SysProcAttr = &log, &log, &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	if err := reachable(host); err != nil {
		t.Fatalf("%v:\n%s", err, tailOf(&log))
	}
	return host
}

func reachable(host string) error {
	for end := time.Now().Add(time.Minute); ; {
		conn, err := net.DialTimeout("tcp", host, time.Second)
		if err == nil {
			return conn.Close()
		}
		if time.Now().After(end) {
			return fmt.Errorf("mongod does not come up: %w", err)
		}
		<-time.After(50 * time.Millisecond)
	}
}

func tailOf(b *bytes.Buffer) []byte { return b.Bytes()[max(0, b.Len()-2000):] }
