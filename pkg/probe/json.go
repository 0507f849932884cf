package probe

import (
	"encoding/json"
	"time"
)

// In journals and reports durations are milliseconds: whoever reads them with jq should not have to count zeros.

type millis float64

func toMillis(d time.Duration) millis { return millis(float64(d.Microseconds()) / 1000) }
func (m millis) duration() time.Duration {
	return time.Duration(float64(m) * float64(time.Millisecond))
}
func unmarshal[T any](data []byte) (T, error) { var v T; return v, json.Unmarshal(data, &v) }

type (
	bareLedger Ledger
	bareTally  Tally
	bareSample Sample

	ledgerJSON struct {
		bareLedger
		Every      millis `json:"everyMs"`
		LongestGap millis `json:"longestGapMs"`
		P50        millis `json:"p50Ms"`
		P99        millis `json:"p99Ms"`
	}
	tallyJSON struct {
		bareTally
		LongestGap millis `json:"longestGapMs"`
	}
	sampleJSON struct {
		bareSample
		Latency millis `json:"latencyMs"`
	}
)

// MarshalJSON writes durations as milliseconds.
func (l Ledger) MarshalJSON() ([]byte, error) {
	return json.Marshal(ledgerJSON{bareLedger(l), toMillis(l.Every), toMillis(l.LongestGap), toMillis(l.P50), toMillis(l.P99)})
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (l *Ledger) UnmarshalJSON(data []byte) error {
	in, err := unmarshal[ledgerJSON](data)
	*l = Ledger(in.bareLedger)
	l.Every, l.LongestGap, l.P50, l.P99 = in.Every.duration(), in.LongestGap.duration(), in.P50.duration(), in.P99.duration()
	return err
}

// MarshalJSON writes durations as milliseconds.
func (t Tally) MarshalJSON() ([]byte, error) {
	return json.Marshal(tallyJSON{bareTally(t), toMillis(t.LongestGap)})
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (t *Tally) UnmarshalJSON(data []byte) error {
	in, err := unmarshal[tallyJSON](data)
	*t = Tally(in.bareTally)
	t.LongestGap = in.LongestGap.duration()
	return err
}

// MarshalJSON writes durations as milliseconds.
func (s Sample) MarshalJSON() ([]byte, error) {
	return json.Marshal(sampleJSON{bareSample(s), toMillis(s.Latency)})
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (s *Sample) UnmarshalJSON(data []byte) error {
	in, err := unmarshal[sampleJSON](data)
	*s = Sample(in.bareSample)
	s.Latency = in.Latency.duration()
	return err
}
