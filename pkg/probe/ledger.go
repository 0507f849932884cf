package probe

import (
	"errors"
	"fmt"
	"time"
)

// FactPrefix begins the name of every fact that is a Ledger: "requests/shop.example.com/". Reports find ledgers by it.
const FactPrefix = "requests/"

// ErrNoEvidence says that nothing was asked or nothing was answered, which proves nothing.
var ErrNoEvidence = errors.New("no evidence")

// Ledger is the books of one series. Sent = Good + Wrong + Lost + Aborted.
type Ledger struct {
	Started time.Time     `json:"started"`
	Seconds float64       `json:"seconds"` // of sending
	Every   time.Duration `json:"-"`       // between two requests to one target: read the gaps against it
	Sent    int           `json:"sent"`
	Good    int           `json:"good"`
	Wrong   int           `json:"wrong"`             // answered, but not well
	Lost    int           `json:"lost"`              // not answered
	Aborted int           `json:"aborted,omitempty"` // cut off because the series was told to end; neither good nor lost
	Skipped int           `json:"skipped,omitempty"` // slots without a request: this machine was late, or too much was in flight

	Streak     int           `json:"streak"` // good answers in a row at the end, of the target that has the fewest
	LongestGap time.Duration `json:"-"`      // the longest time without a good answer that any one target saw
	P50        time.Duration `json:"-"`      // latency of answers
	P99        time.Duration `json:"-"`

	ByVia    map[string]int `json:"byVia,omitempty"` // answers by marker; "" is an answer without
	ByStatus map[int]int    `json:"byStatus,omitempty"`
	ByClass  map[Class]int  `json:"byClass,omitempty"` // losses
	Bad      []Sample       `json:"bad,omitempty"`     // the first 20
	Targets  []Tally        `json:"targets,omitempty"`
}

// Tally is the share of one target.
type Tally struct {
	Name       string         `json:"name"`
	Sent       int            `json:"sent"`
	Good       int            `json:"good"`
	Wrong      int            `json:"wrong"`
	Lost       int            `json:"lost"`
	Aborted    int            `json:"aborted,omitempty"`
	Streak     int            `json:"streak"`
	LongestGap time.Duration  `json:"-"`
	P50        time.Duration  `json:"-"` // latency of its answers
	ByVia      map[string]int `json:"byVia,omitempty"`
}

// Sample is one request that went wrong or was lost.
type Sample struct {
	At      time.Time     `json:"at"`
	Target  string        `json:"target"`
	ID      string        `json:"id"`
	Status  int           `json:"status,omitempty"`
	Via     string        `json:"via,omitempty"`
	Class   Class         `json:"class,omitempty"`
	Latency time.Duration `json:"-"`
	Error   string        `json:"error"`
}

// Check holds the books against the plan: at most maxLost requests without an answer, at most a share of maxErrorRate
// answered wrongly. Every target must have answered, or there is no evidence.
func (l *Ledger) Check(maxLost int, maxErrorRate float64) error {
	if l.Good+l.Wrong+l.Lost == 0 {
		return fmt.Errorf("%w: no request ended", ErrNoEvidence)
	}
	var errs []error
	for _, t := range l.Targets {
		if t.Good+t.Wrong+t.Lost == 0 {
			errs = append(errs, fmt.Errorf("%s: %w: no request ended", t.Name, ErrNoEvidence))
		}
	}
	if l.Lost > maxLost {
		errs = append(errs, fmt.Errorf("%d of %d requests lost, at most %d may be%s", l.Lost, l.Sent, maxLost, l.first(true)))
	}
	if answered := l.Good + l.Wrong; answered > 0 && float64(l.Wrong)/float64(answered) > maxErrorRate {
		errs = append(errs, fmt.Errorf("%d of %d answers wrong, at most %.3g%% may be%s",
			l.Wrong, answered, 100*maxErrorRate, l.first(false)))
	}
	return errors.Join(errs...)
}

func (l *Ledger) first(lost bool) string {
	for _, s := range l.Bad {
		if (s.Class != Answered) == lost {
			return fmt.Sprintf("; first: %s: %s", s.Target, s.Error)
		}
	}
	return ""
}

func (l *Ledger) String() string {
	s := fmt.Sprintf("%d sent, %d good, %d wrong, %d lost, longest gap %s", l.Sent, l.Good, l.Wrong, l.Lost,
		l.LongestGap.Round(time.Millisecond))
	if l.Skipped > 0 {
		s += fmt.Sprintf(", %d skipped", l.Skipped)
	}
	return s
}
