package ttl

import (
	"testing"
	"time"
)

func TestATTLIsLoweredAsFarAsTheProviderTakesItAndNeverRaised(t *testing.T) {
	for _, c := range []struct{ have, wanted, least, want uint32 }{
		{3600, 60, 0, 60},
		{30, 60, 0, 30},
		{60, 60, 0, 60},
		{3600, 60, 300, 300},
		{120, 60, 300, 120}, // the provider has it below its own minimum: nothing would be gained
		{0, 60, 0, 0},
	} {
		if got := Lowered(c.have, c.wanted, c.least); got != c.want {
			t.Errorf("Lowered(%d, %d, %d) = %d, want %d", c.have, c.wanted, c.least, got, c.want)
		}
	}
}

func TestTheLongestRecordOfAnyChainCounts(t *testing.T) {
	for about, c := range map[string]struct {
		chains []Chain
		want   time.Duration
	}{
		"an address alone":                          {[]Chain{{300}}, 5 * time.Minute},
		"A and AAAA":                                {[]Chain{{300}, {7200}}, 2 * time.Hour},
		"a short alias of a long address":           {[]Chain{{60, 3600}}, time.Hour},
		"a long alias of a short address":           {[]Chain{{3600, 60}}, time.Hour},
		"HTTPS beside a short A":                    {[]Chain{{60}, {86400}}, 24 * time.Hour},
		"a flattened apex that one server serves":   {[]Chain{{300}, {604800}}, 7 * 24 * time.Hour},
		"a secondary that still has the old number": {[]Chain{{60}, {60}, {3600}}, time.Hour},
		"no answer":                                 {nil, 0},
	} {
		if got := Held(c.chains...); got != c.want {
			t.Errorf("%s: held for %s, want %s", about, got, c.want)
		}
	}
}

func TestThatThereIsNothingIsHeldForTheLowerOfTwoTimes(t *testing.T) {
	for _, c := range []struct {
		soa, minimum uint32
		want         time.Duration
	}{{3600, 300, 5 * time.Minute}, {60, 300, time.Minute}, {0, 300, 0}} {
		if got := Negative(c.soa, c.minimum); got != c.want {
			t.Errorf("Negative(%d, %d) = %s, want %s", c.soa, c.minimum, got, c.want)
		}
	}
}

func TestTheSlowestServerCounts(t *testing.T) {
	noon := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	for about, c := range map[string]struct {
		first []time.Time
		want  time.Time
	}{
		"one server":                   {[]time.Time{noon}, noon},
		"a secondary after the first":  {[]time.Time{noon, noon.Add(9 * time.Second)}, noon.Add(9 * time.Second)},
		"a secondary before the first": {[]time.Time{noon.Add(9 * time.Second), noon}, noon.Add(9 * time.Second)},
		"one that does not serve it":   {[]time.Time{noon, {}}, time.Time{}},
		"none":                         {nil, time.Time{}},
	} {
		if got := Seen(c.first...); !got.Equal(c.want) {
			t.Errorf("%s: seen at %s, want %s", about, got, c.want)
		}
	}
	if got, want := Ripe(noon, time.Hour, 30*time.Second), noon.Add(time.Hour+30*time.Second); !got.Equal(want) {
		t.Errorf("ripe at %s, want %s", got, want)
	}
}
