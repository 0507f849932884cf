package zone

import (
	"context"
	"slices"
	"strings"
)

// Stars is which of the names a wildcard could answer for, with what that one owns, at one server: the nearest, since no other
// answers below it. apex is the name of their zone.
func Stars(ctx context.Context, s Server, apex string, names Names) (map[string][]Set, error) {
	var stars []string
	for name, sets := range names {
		if len(sets) == 0 {
			continue
		}
		for _, star := range starsAbove(name, apex) {
			if !slices.Contains(stars, star) {
				stars = append(stars, star)
			}
		}
	}
	answers, err := Ask(ctx, s, "tcp", stars)
	if err != nil {
		return nil, err
	}
	out := map[string][]Set{}
	for name := range names {
		for _, star := range starsAbove(name, apex) {
			if sets := answers[star].Sets; len(sets) > 0 {
				out[name] = sets
				break
			}
		}
	}
	return out, nil
}

// starsAbove lists the wildcards that could answer for a name, the nearest first.
func starsAbove(name, apex string) (stars []string) {
	for rest := name; rest != apex; {
		_, parent, found := strings.Cut(rest, ".")
		if !found {
			break
		}
		if star := "*." + parent; star != name {
			stars = append(stars, star)
		}
		rest = parent
	}
	return stars
}

// Own is what one server has under each name, without what a wildcard answers alike: by answers alone the two cannot be
// told apart.
func Own(ctx context.Context, s Server, apex string, names []string) (Names, error) {
	answers, err := Ask(ctx, s, "tcp", names)
	if err != nil {
		return nil, err
	}
	out := Names{}
	for _, name := range names {
		out[name] = answers[name].Sets
	}
	stars, err := Stars(ctx, s, apex, out)
	if err != nil {
		return nil, err
	}
	for name, sets := range stars {
		if slices.EqualFunc(sorted(sets), sorted(out[name]), func(a, b Set) bool {
			return a.Type == b.Type && a.TTL == b.TTL && slices.Equal(a.Data, b.Data)
		}) {
			out[name] = nil
		}
	}
	return out, nil
}
