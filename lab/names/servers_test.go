package names

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"cutover.dev/cutover/lab/world"
)

// apart says that the process is in a network of its own, where the servers' addresses are nobody's.
const apart = "CUTOVER_LAB_NAMES_APART"

// The real servers with the lab's own files, in a network that ends with the test.
func TestEachServerAnswersAsItIsMeantTo(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("a network of its own needs root")
	}
	if err := installed(); err != nil {
		t.Skip(err)
	}
	if os.Getenv(apart) == "" {
		inside(t)
		return
	}
	w := world.At(t.TempDir())
	if err := write(w, "c2VjcmV0IG9mIGEgdGVzdCBhbmQgb2Ygbm9ib2R5IQ=="); err != nil {
		t.Fatal(err)
	}
	for _, s := range Servers() {
		begin(t, w, s)
	}
	for _, c := range []struct {
		of          Server
		least, most uint32
	}{{Primary, TTL, TTL}, {Secondary, TTL, TTL}, {Honouring, 0, TTL}, {Stretching, TTL + 1, Stretch}} {
		for _, host := range []string{"shop.test", "chat.shop.test", "ann.blog.test", "media.test", "reports.test"} {
			if r, err := c.of.Ask(t.Context(), host); err != nil || r.Address.String() != world.Old.Entry || r.TTL < c.least || r.TTL > c.most {
				t.Errorf("%s says of %s: %+v, %v; want a TTL from %d to %d", c.of.Name, host, r, err, c.least, c.most)
			}
		}
		if r, err := c.of.Ask(t.Context(), "nobody.media.test"); err == nil {
			t.Errorf("%s knows what is not there: %+v", c.of.Name, r)
		}
	}
	if most, err := Longest(t.Context()); err != nil || most != TTL {
		t.Errorf("the longest TTL is %d, %v", most, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if s := Watch(ctx, world.Old.Entry); s.First.IsZero() || s.Last.IsZero() {
		t.Errorf("all names lead to old, and nobody saw it: %+v", s)
	}
	if s := Watch(ctx, world.New.Entry); !s.First.IsZero() || !s.Last.IsZero() {
		t.Errorf("no name leads to new, and somebody saw it: %+v", s)
	}
}

// inside runs the test once more in a network of its own.
func inside(t *testing.T) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run", "^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), apart+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	said, err := cmd.CombinedOutput()
	if err != nil || bytes.Contains(said, []byte("--- SKIP")) {
		t.Errorf("%v\n%s", err, said)
	}
}

// begin starts a server, which ends with the test.
func begin(t *testing.T, w world.World, s Server) {
	t.Helper()
	for _, args := range []string{"link set lo up", "address add " + s.Address + "/32 dev lo"} {
		if out, err := exec.CommandContext(t.Context(), "ip", strings.Fields(args)...).CombinedOutput(); err != nil {
			t.Fatalf("ip %s: %v: %s", args, err, out)
		}
	}
	argv := s.argv(folder(w, s))
	var said bytes.Buffer
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = w.Run, &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // fails only if it has ended
		<-ended
	})
	for deadline := time.Now().Add(20 * time.Second); ; {
		no := s.Answers(t.Context())
		if no == nil {
			return
		}
		select {
		case err := <-ended:
			ended <- err
			t.Fatalf("%s ended (%v): %s", s.Name, err, &said)
		case <-time.After(100 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s does not answer: %v", s.Name, no)
		}
	}
}
