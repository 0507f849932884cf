package join

import (
	"strconv"
	"strings"
)

// release is the part of a version that has to be the same everywhere: 6.0 of 6.0.5.
func release(version string) string {
	major, rest, _ := strings.Cut(version, ".")
	minor, _, _ := strings.Cut(rest, ".")
	return major + "." + minor
}

// atLeast compares a release. One that cannot be read is not.
func atLeast(release string, major, minor int) bool {
	a, b, _ := strings.Cut(release, ".")
	x, err1 := strconv.Atoi(a)
	y, err2 := strconv.Atoi(b)
	return err1 == nil && err2 == nil && (x > major || x == major && y >= minor)
}
