package mongotest

import (
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
)

// Also gives it more arguments from its next start on.
func (m *Mongod) Also(args ...string) { m.args = append(m.args, args...) }

// Without takes an argument and its value away, from its next start on.
func (m *Mongod) Without(flag string) {
	if i := slices.Index(m.args, flag); i >= 0 {
		m.args = slices.Concat(m.args[:i], m.args[i+2:])
	}
}

// Rekey gives it another key, from its next start on.
func (m *Mongod) Rekey(t testing.TB, key string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(m.dir, "key"), []byte(key), 0o600); err != nil {
		t.Fatal(err)
	}
}

// Alone starts it without a set, as who made a database on its own would, lets do make one, and ends it. It has to be down.
func (m *Mongod) Alone(t testing.TB, do func()) {
	t.Helper()
	args := m.args
	m.Without("--replSet")
	m.Start(t)
	m.await(t)
	do()
	m.signal(t, syscall.SIGTERM) // it writes everything down first
	<-m.done
	m.proc, m.args = nil, args
}
