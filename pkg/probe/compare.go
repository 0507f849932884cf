package probe

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Field is what of an answer is compared.
type Field string

// The fields.
const (
	FieldStatus      Field = "status"
	FieldLocation    Field = "redirect target"
	FieldType        Field = "content type"
	FieldCookies     Field = "cookie names"
	FieldCertificate Field = "certificate"
)

var fields = []Field{FieldStatus, FieldLocation, FieldType, FieldCookies, FieldCertificate}

func (a Answer) field(f Field) string {
	switch f {
	case FieldStatus:
		return strconv.Itoa(a.Status)
	case FieldLocation:
		return a.Location
	case FieldType:
		return a.ContentType
	case FieldCookies:
		return strings.Join(a.Cookies, " ")
	case FieldCertificate:
		return a.Cert
	}
	return ""
}

// Difference is one field in which an answer is not what it was.
type Difference struct {
	Field     Field
	Want, Got string
}

func (d Difference) String() string {
	return fmt.Sprintf("%s %s instead of %s", d.Field, orNone(d.Got), orNone(d.Want))
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

// Differences lists what got does differently from want, but for the fields of noise. Where got is no answer at all, the
// only difference is that there is none.
func Differences(noise []Field, want, got Answer) []Difference {
	if got.Class != Answered {
		return []Difference{{Field: FieldStatus, Want: want.field(FieldStatus), Got: "no answer (" + string(got.Class) + ")"}}
	}
	var out []Difference
	for _, f := range fields {
		if w, g := want.field(f), got.field(f); w != g && !slices.Contains(noise, f) {
			out = append(out, Difference{f, w, g})
		}
	}
	return out
}

// Normal is how a target answers when nothing was changed: the measure for what comes after.
type Normal struct {
	Want     Answer
	Statuses []int         // all that were seen; more than one only where the target is not of one mind
	Noise    []Field       // what already differs between the target and itself
	Median   time.Duration // latency
}

// Baseline asks t n times, at least twice, and learns what is noise: two answers of the same process may well differ in
// a cookie's name, and a third that does so too proves nothing. A target that does not answer every time has no normal.
func Baseline(ctx context.Context, t Target, n int) (Normal, error) {
	var answers []Answer
	for range max(n, 2) {
		a := Ask(ctx, t)
		if a.Class != Answered {
			return Normal{}, fmt.Errorf("learn how %s answers: %w", t.Label(), errors.Join(ErrNoEvidence, a.Err))
		}
		answers = append(answers, a)
	}
	return learn(answers), nil
}

func learn(answers []Answer) Normal {
	normal := Normal{Want: answers[0]}
	var latencies []time.Duration
	for _, a := range answers {
		latencies = append(latencies, a.Latency)
		normal.Statuses = append(normal.Statuses, a.Status)
		for _, d := range Differences(normal.Noise, normal.Want, a) {
			normal.Noise = append(normal.Noise, d.Field)
		}
	}
	slices.Sort(normal.Statuses)
	normal.Statuses = slices.Compact(normal.Statuses)
	slices.Sort(latencies)
	normal.Median = quantile(latencies, 50)
	return normal
}

// Differences lists what got does differently beyond the noise. A status is never noise altogether: only those that the
// baseline showed are normal, or a target that fails now and then could be replaced by one that fails always.
func (n Normal) Differences(got Answer) []Difference {
	noise := slices.DeleteFunc(slices.Clone(n.Noise), func(f Field) bool { return f == FieldStatus })
	if got.Class == Answered && slices.Contains(n.Statuses, got.Status) {
		noise = append(noise, FieldStatus)
	}
	return Differences(noise, n.Want, got)
}
