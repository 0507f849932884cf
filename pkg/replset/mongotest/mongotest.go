// Package mongotest runs real mongods for tests, each at a loopback address of its own, with keyFile authentication, and stops them.
// It is for tests only; without a mongod these are skipped.
package mongotest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// Name of the set, and the user that the tool is given.
const (
	Name     = "rs0"
	User     = "mover"
	Password = "s3cret/p@ss"
)

// key is the content of the keyFile: the members' own password.
const key = "bWVtYmVycyBvZiB0aGUgdGVzdA"

// Mongod is one server.
type Mongod struct {
	Host string // name:port in the configuration
	at   string // address:port where it listens
	far  string // the address by which the other side reaches it, where the sides are apart
	dir  string
	args []string
	proc *exec.Cmd
	done chan error
}

// Rig is some servers of one test.
type Rig struct {
	t       testing.TB
	binary  string
	dir     string
	apart   bool // names are those of apart.go
	Mongods []*Mongod
}

// Available says where the binary is, "" if there is none.
func Available() string {
	places := []string{os.Getenv("CUTOVER_MONGOD")}
	cache := os.Getenv("CUTOVER_LAB_CACHE")
	if home, err := os.UserCacheDir(); cache == "" && err == nil {
		cache = filepath.Join(home, "cutover-lab")
	}
	for _, pattern := range []string{"mongod", "*/mongod", "*/*/mongod"} {
		found, err := filepath.Glob(filepath.Join(cache, pattern))
		if err == nil {
			places = append(places, found...)
		}
	}
	for _, p := range places {
		if info, err := os.Stat(p); p != "" && err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			return p
		}
	}
	return ""
}

// Start starts n servers of which none is in a set yet. They end with the test.
func Start(t testing.TB, n int) *Rig {
	t.Helper()
	r := prepare(t)
	for range n {
		r.add(r.next(), Name, key).Start(t)
	}
	r.await()
	return r
}

// prepare is a rig without a server yet.
func prepare(t testing.TB) *Rig {
	t.Helper()
	binary := Available()
	const missing = "no mongod to test against: set CUTOVER_MONGOD, or fetch one with `make lab-up`"
	if binary == "" && os.Getenv("CUTOVER_REQUIRE_MONGOD") == "1" {
		t.Fatal(missing)
	}
	if binary == "" {
		t.Skip(missing)
	}
	dir, err := os.MkdirTemp("", "mongotest")
	if err != nil {
		t.Fatal(err)
	}
	r := &Rig{t: t, binary: binary, dir: dir}
	t.Cleanup(func() {
		for _, m := range r.Mongods {
			m.Kill()
		}
		_ = os.RemoveAll(dir)
	})
	return r
}

// next is the address of the next server.
func (r *Rig) next() string { return "127.0.1." + strconv.Itoa(len(r.Mongods)+1) }

// Another is one server more, of another set or with another key where these are given.
func (r *Rig) Another(set, otherKey string) *Mongod {
	r.t.Helper()
	if set == "" {
		set = Name
	}
	if otherKey == "" {
		otherKey = key
	}
	m := r.add(r.next(), set, otherKey)
	m.Start(r.t)
	r.await()
	return m
}

// add prepares a server, which is not started yet.
func (r *Rig) add(address, set, key string) *Mongod {
	r.t.Helper()
	port, err := freePort(address)
	if err != nil {
		r.t.Fatal(err)
	}
	dir := filepath.Join(r.dir, address)
	if err := errors.Join(os.MkdirAll(filepath.Join(dir, "db"), 0o700), os.WriteFile(filepath.Join(dir, "key"), []byte(key), 0o600)); err != nil {
		r.t.Fatal(err)
	}
	at := net.JoinHostPort(address, port)
	m := &Mongod{Host: at, at: at, dir: dir, args: []string{
		r.binary, "--replSet", set, "--port", port, "--bind_ip", address, "--dbpath", filepath.Join(dir, "db"), "--keyFile", filepath.Join(dir, "key"),
		"--logpath", filepath.Join(dir, "log"), "--logappend", "--nounixsocket", "--wiredTigerCacheSizeGB", "0.25", "--oplogSize", "64",
		"--setParameter", "diagnosticDataCollectionEnabled=false",
	}}
	r.Mongods = append(r.Mongods, m)
	r.t.Cleanup(m.Kill)
	return m
}

// Start starts it again after Kill, with the data that it had.
func (m *Mongod) Start(t testing.TB) {
	t.Helper()
	m.proc = exec.Command(m.args[0], m.args[1:]...)
	m.proc.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := m.proc.Start(); err != nil {
		t.Fatalf("start %s: %v", m.Host, err)
	}
	m.done = make(chan error, 1)
	go func() { m.done <- m.proc.Wait() }()
}

// Kill ends it at once, as a crash does.
func (m *Mongod) Kill() {
	if m.proc == nil || m.proc.Process == nil {
		return
	}
	_ = m.proc.Process.Signal(syscall.SIGCONT)
	_ = m.proc.Process.Kill()
	<-m.done
	m.proc = nil
}

// Pause makes it hang: connections stay, nothing is answered. Resume lets it go on.
func (m *Mongod) Pause(t testing.TB)  { m.signal(t, syscall.SIGSTOP) }
func (m *Mongod) Resume(t testing.TB) { m.signal(t, syscall.SIGCONT) }

func (m *Mongod) signal(t testing.TB, s syscall.Signal) {
	t.Helper()
	if err := m.proc.Process.Signal(s); err != nil {
		t.Fatalf("signal %s: %v", m.Host, err)
	}
}

// Log is what it wrote into its log.
func (m *Mongod) Log() string {
	b, err := os.ReadFile(filepath.Join(m.dir, "log"))
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// await waits until every server answers.
func (r *Rig) await() {
	r.t.Helper()
	for _, m := range r.Mongods {
		m.await(r.t)
	}
}

func (m *Mongod) await(t testing.TB) {
	t.Helper()
	deadline := time.Now().Add(90 * time.Second) // on a busy machine; an idle one takes one
	for {
		conn, err := net.DialTimeout("tcp", m.at, time.Second)
		if err == nil {
			_ = conn.Close()
			return
		}
		if time.Now().After(deadline) {
			tail := m.Log()
			t.Fatalf("%s does not come up: %v\n%s", m.Host, err, tail[max(0, len(tail)-2000):])
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// Hosts are the names of some servers.
func (r *Rig) Hosts(from, to int) []string {
	var all []string
	for _, m := range r.Mongods[from:to] {
		all = append(all, m.Host)
	}
	return all
}

// URI is what the tool is given for a set with these seeds.
func (r *Rig) URI(hosts ...string) string {
	return "mongodb://" + User + ":s3cret%2Fp%40ss@" + strings.Join(hosts, ",") + "/?authSource=admin"
}

// System is a client of one server as the members themselves are one.
func (r *Rig) System(host string) *mongo.Client {
	r.t.Helper()
	o := options.Client().SetHosts([]string{host}).SetDirect(true).SetServerSelectionTimeout(20 * time.Second).
		SetAuth(options.Credential{AuthMechanism: "SCRAM-SHA-256", AuthSource: "local", Username: "__system", Password: key, PasswordSet: true})
	if r.apart {
		o.SetDialer(r)
	}
	c, err := mongo.Connect(o)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = c.Disconnect(ctx)
	})
	return c
}

// Do runs a command on a server as its members may, and wants it to succeed.
func (r *Rig) Do(host, db string, cmd bson.D) bson.D {
	r.t.Helper()
	reply, err := r.Try(host, db, cmd)
	if err != nil {
		r.t.Fatalf("%s on %s: %v", cmd[0].Key, host, err)
	}
	return reply
}

// Try is Do for a command that may fail.
func (r *Rig) Try(host, db string, cmd bson.D) (bson.D, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	var reply bson.D
	err := r.System(host).Database(db).RunCommand(ctx, cmd).Decode(&reply)
	return reply, err
}

// Initiate makes a set of some servers, the first one its primary, and the tool's user with the roles that it needs.
func (r *Rig) Initiate(hosts ...string) {
	r.t.Helper()
	r.Do(hosts[0], "admin", bson.D{{Key: "replSetInitiate", Value: bson.D{
		{Key: "_id", Value: Name}, {Key: "members", Value: bson.A{bson.D{{Key: "_id", Value: 0}, {Key: "host", Value: hosts[0]}}}},
	}}})
	r.until("a primary", func() bool {
		var h struct {
			W bool `bson:"isWritablePrimary"`
		}
		return r.System(hosts[0]).Database("admin").RunCommand(context.Background(), bson.D{{Key: "hello", Value: 1}}).Decode(&h) == nil && h.W
	})
	for i, h := range hosts[1:] {
		reply := r.Do(hosts[0], "admin", bson.D{{Key: "replSetGetConfig", Value: 1}})
		config := field(reply, "config").(bson.D) //nolint:forcetypeassert // it is the server's
		for j, e := range config {
			switch e.Key {
			case "version":
				config[j].Value = e.Value.(int32) + 1 //nolint:forcetypeassert // likewise
			case "members":
				config[j].Value = append(e.Value.(bson.A), bson.D{{Key: "_id", Value: i + 1}, {Key: "host", Value: h}}) //nolint:forcetypeassert // likewise
			}
		}
		r.until(h+" is added", func() bool {
			_, err := r.Try(hosts[0], "admin", bson.D{{Key: "replSetReconfig", Value: config}})
			return err == nil
		})
		r.until(h+" votes", func() bool { return r.votes(hosts[0], i+2) })
	}
	r.until("the configuration is committed", func() bool {
		reply, err := r.Try(hosts[0], "admin", bson.D{{Key: "replSetGetConfig", Value: 1}, {Key: "commitmentStatus", Value: true}})
		return err == nil && field(reply, "commitmentStatus") == true
	})
	role := func(name, db string) bson.D { return bson.D{{Key: "role", Value: name}, {Key: "db", Value: db}} }
	r.Do(hosts[0], "admin", bson.D{
		{Key: "createUser", Value: User},
		{Key: "pwd", Value: Password},
		{Key: "roles", Value: bson.A{role("clusterManager", "admin"), role("clusterMonitor", "admin"), role("hostManager", "admin"), role("readWrite", "cutover")}},
		{Key: "writeConcern", Value: bson.D{{Key: "w", Value: len(hosts)}}}, // a member that has it not yet would refuse the tool
	})
}

// votes: as many members vote as there should be by now, none of them newly added.
func (r *Rig) votes(host string, want int) bool {
	reply, err := r.Try(host, "admin", bson.D{{Key: "replSetGetStatus", Value: 1}})
	if err != nil {
		return false
	}
	n, _ := field(reply, "votingMembersCount").(int32)
	return int(n) == want
}

func (r *Rig) until(what string, ok func() bool) {
	r.t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if ok() {
			return
		}
	}
	r.t.Fatalf("not there within a minute: %s", what)
}

func field(d bson.D, key string) any {
	for _, e := range d {
		if e.Key == key {
			return e.Value
		}
	}
	return nil
}

func freePort(address string) (string, error) {
	l, err := net.Listen("tcp", net.JoinHostPort(address, "0"))
	if err != nil {
		return "", fmt.Errorf("find a port at %s: %w", address, err)
	}
	defer l.Close() //nolint:errcheck // it was only there to find the port
	_, port, err := net.SplitHostPort(l.Addr().String())
	return port, err
}

// Has reports whether a log has a line with all of these words.
func Has(log string, words ...string) bool {
	for line := range bytes.SplitSeq([]byte(log), []byte("\n")) {
		all := true
		for _, w := range words {
			all = all && bytes.Contains(line, []byte(w))
		}
		if all {
			return true
		}
	}
	return false
}
