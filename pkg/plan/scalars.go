package plan

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// String returns d without its zero units: 2m, not 2m0s.
func (d Duration) String() string {
	s := time.Duration(d).String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// MarshalText writes d as the plan does.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads what time.ParseDuration reads.
func (d *Duration) UnmarshalText(data []byte) error {
	v, err := time.ParseDuration(string(data))
	*d = Duration(v)
	return err
}

// String returns the share with its percent sign: 0.1%.
func (p Percent) String() string {
	return strconv.FormatFloat(math.Round(float64(p)*1e12)/1e10, 'f', -1, 64) + "%"
}

// MarshalText writes p as the plan does.
func (p Percent) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText reads a number with a percent sign.
func (p *Percent) UnmarshalText(data []byte) error {
	v, err := parsePercent(string(data))
	*p = v
	return err
}

func parsePercent(s string) (Percent, error) {
	digits, found := strings.CutSuffix(s, "%")
	v, err := strconv.ParseFloat(digits, 64)
	if !found || err != nil || math.IsNaN(v) || v < 0 {
		return 0, fmt.Errorf("%q is no share with a percent sign", s)
	}
	return Percent(v / 100), nil
}

// MarshalText writes namespace/Kind/name, and nothing for no workload.
func (r Ref) MarshalText() ([]byte, error) {
	if r == (Ref{}) {
		return nil, nil
	}
	return []byte(r.String()), nil
}

// UnmarshalText reads namespace/Kind/name. Whether the plan allows that kind is not asked here: the inventory names
// others as well.
func (r *Ref) UnmarshalText(data []byte) error {
	if len(data) == 0 {
		*r = Ref{}
		return nil
	}
	parts := strings.Split(string(data), "/")
	if len(parts) != 3 || parts[0] == "" || parts[1] == "" || parts[2] == "" {
		return fmt.Errorf("%q is not namespace/Kind/name", data)
	}
	*r = Ref{Namespace: parts[0], Kind: parts[1], Name: parts[2]}
	return nil
}

// UnmarshalJSON reads a workload's short form, its ref alone, or its mapping.
func (w *Workload) UnmarshalJSON(data []byte) error {
	if bytes.HasPrefix(data, []byte(`"`)) {
		*w = Workload{Source: SourceLive}
		return json.Unmarshal(data, &w.Ref)
	}
	type mapping Workload // without this method
	return json.Unmarshal(data, (*mapping)(w))
}
