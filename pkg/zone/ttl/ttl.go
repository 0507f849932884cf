// Package ttl is the arithmetic of caches: how far a TTL is lowered, how long an answer may be held, and from when on no
// cache that keeps to the rules can hold an answer of before. It is pure: it asks no server and reads no clock.
//
// About one resolver in eleven keeps answers for longer than it may, and some clients never ask again. So these times are
// needed and not enough: what still comes to the old entry has to be served.
package ttl

import "time"

// Lowered is the TTL to set where have is served, wanted is wanted, and least is the lowest that the provider takes (0: any).
// A TTL is never raised.
func Lowered(have, wanted, least uint32) uint32 { return min(have, max(wanted, least)) }

// Chain is what one server says of one name: the TTLs of every record on the way from the name to the addresses, of every
// family and of HTTPS.
type Chain []uint32

// Held is how long a cache may hold an answer of any of the chains. A cache keeps each record of a chain for its own time, so
// the longest one counts.
func Held(chains ...Chain) time.Duration {
	var longest uint32
	for _, c := range chains {
		for _, ttl := range c {
			longest = max(longest, ttl)
		}
	}
	return time.Duration(longest) * time.Second
}

// Negative is how long a cache may hold that there is no such record (RFC 2308): the lower of the TTL of the zone's SOA record
// and its minimum field.
func Negative(soa, minimum uint32) time.Duration {
	return time.Duration(min(soa, minimum)) * time.Second
}

// Seen is when the slowest server first answered with what is new. A resolver may fill its cache from that one until then,
// so the lag of the others saves no time. The zero time stands for a server that does not serve it yet, and makes it zero.
func Seen(first ...time.Time) time.Time {
	var last time.Time
	for _, at := range first {
		if at.IsZero() {
			return time.Time{}
		}
		if at.After(last) {
			last = at
		}
	}
	return last
}

// Ripe is from when on no cache holds what was served before seen: held after it, and a margin for clocks that differ.
func Ripe(seen time.Time, held, margin time.Duration) time.Time { return seen.Add(held + margin) }
