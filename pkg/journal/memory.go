package journal

import (
	"context"
	"slices"
	"strconv"
	"sync"
)

// Memory is a Store for tests and for dry runs. The zero value is an empty journal.
type Memory struct {
	mu      sync.Mutex
	entries []Entry
}

// Load returns all entries.
func (m *Memory) Load(context.Context) ([]Entry, string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.entries), strconv.Itoa(len(m.entries)), nil
}

// Append adds batch, or returns ErrConflict.
func (m *Memory) Append(_ context.Context, version string, batch []Entry) (string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if version != strconv.Itoa(len(m.entries)) {
		return "", ErrConflict
	}
	m.entries = append(m.entries, batch...)
	return strconv.Itoa(len(m.entries)), nil
}
