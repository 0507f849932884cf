package webhook

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"time"

	"cutover.dev/cutover/pkg/fault"
)

const (
	mediaType = "application/external.dns.webhook+json;version=1"
	patience  = time.Minute // a provider asks its service before it answers
	longest   = 256 << 20   // bytes of an answer
)

// call sends a request, and reads the answer into result if there is to be one.
func (e *Editor) call(ctx context.Context, doing, method, path string, body, result any) error {
	var content []byte
	if body != nil {
		var err error
		if content, err = json.Marshal(body); err != nil {
			return fmt.Errorf("%s: %w", doing, err)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, e.URL+path, bytes.NewReader(content))
	if err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	r.Header.Set("Accept", mediaType)
	if body != nil {
		r.Header.Set("Content-Type", mediaType)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return fmt.Errorf("%s: ask the webhook provider: %w", doing, err)
	}
	defer func() { _ = response.Body.Close() }() // it has been read
	switch status := response.StatusCode; {
	case status >= http.StatusInternalServerError:
		return fmt.Errorf("%s: the webhook provider answers %s; its own log says why", doing, response.Status)
	case status >= http.StatusBadRequest:
		return fault.New(fault.Refused, "the webhook provider's own log says why", "%s: the webhook provider refuses the request: %s", doing, response.Status)
	case result == nil:
		return nil
	case !spoken(response.Header.Get("Content-Type")):
		return fault.New(fault.Refused, "spec.dns.zones[].webhook.url has to be that of a webhook provider of external-dns",
			"%s: what answers at %s does not speak the protocol: it answers with %q instead of %q", doing, e.URL, response.Header.Get("Content-Type"), mediaType)
	}
	raw, err := io.ReadAll(io.LimitReader(response.Body, longest))
	if err == nil {
		err = json.Unmarshal(raw, result)
	}
	if err != nil {
		return fmt.Errorf("%s: read the answer of the webhook provider: %w", doing, err)
	}
	return nil
}

// spoken compares media types with their parameters.
func spoken(answered string) bool {
	want, version, err := mime.ParseMediaType(mediaType)
	got, parameters, failed := mime.ParseMediaType(answered)
	return err == nil && failed == nil && got == want && maps.Equal(parameters, version)
}
