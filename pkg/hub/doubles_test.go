package hub_test

import (
	"errors"
	"net/http"
	"strings"

	"cutover.dev/cutover/pkg/hub"
	"cutover.dev/cutover/pkg/hub/hubtest"
)

func isDenied(err error) bool { return errors.Is(err, hub.ErrDenied) }

func limited(second bool) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, _ *http.Request) bool {
		hubtest.Limited(w, second)
		return true
	}
}

func status(code int) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, _ *http.Request) bool {
		hubtest.Fail(w, code, http.StatusText(code))
		return true
	}
}

// only fails one kind of request.
func only(method, path string, code int) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != method || !strings.HasSuffix(r.URL.Path, path) {
			return false
		}
		hubtest.Fail(w, code, http.StatusText(code))
		return true
	}
}
