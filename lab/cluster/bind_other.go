//go:build !linux

package cluster

import "errors"

// bindPrivately lets the lab be compiled, and say that it needs Linux, elsewhere.
func bindPrivately(string) error { return errors.ErrUnsupported }
