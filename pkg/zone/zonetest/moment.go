package zonetest

import "sync"

// Moment lets something happen between what an editor has read and what it writes, in a double of a provider's API.
type Moment struct {
	mu     sync.Mutex
	happen func()
}

// BeforeWrite lets something happen when the next batch has arrived and was not looked at yet.
func (m *Moment) BeforeWrite(happen func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.happen = happen
}

// Come is called by the double for each batch, with no lock of its own held: what happens may change what it has.
func (m *Moment) Come() {
	m.mu.Lock()
	happen := m.happen
	m.happen = nil
	m.mu.Unlock()
	if happen != nil {
		happen()
	}
}
