//go:build !linux

package netns

import (
	"errors"
	"os"
)

// OpenTUN needs Linux.
func OpenTUN(string, string) (*os.File, error) {
	return nil, errors.New("the lab needs Linux: there are no TUN devices elsewhere")
}
