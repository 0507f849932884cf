package cloudflare

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/sethvargo/go-retry"

	"cutover.dev/cutover/pkg/fault"
)

const (
	patience = 30 * time.Second // how long one answer may take
	longest  = 64 << 20         // bytes of an answer
	again    = 4                // times that a request is sent again because it came too soon
	pause    = 250 * time.Millisecond
)

// hosted is a zone as the service describes it.
type hosted struct{ ID, Name, Type string }

// envelope is around every answer.
type envelope struct {
	Success bool
	Errors  []struct {
		Code    int
		Message string
	}
	Result json.RawMessage
	Info   struct {
		TotalPages int `json:"total_pages"`
	} `json:"result_info"`
}

// answer is a no of the service.
type answer struct {
	status int
	codes  []int
	why    string
}

func (a *answer) Error() string { return a.why }

// call sends a request, again if it came too soon, and reads what is in the answer into result. It returns how many pages
// there are.
func (e *Editor) call(ctx context.Context, doing, method, path string, body, result any) (pages int, err error) {
	if e.o.Token == "" {
		return 0, fault.New(fault.Usage, "an API token that is allowed Zone Read and DNS Write for the zone", "%s: %s is not set", doing, Variable)
	}
	var content []byte
	if body != nil {
		if content, err = json.Marshal(body); err != nil {
			return 0, fmt.Errorf("%s: %w", doing, err)
		}
	}
	var got envelope
	err = retry.Do(ctx, retry.WithMaxRetries(again, retry.NewExponential(pause)), func(ctx context.Context) error {
		status, err := e.once(ctx, method, path, content, &got)
		if status == http.StatusTooManyRequests {
			return retry.RetryableError(err)
		}
		return err
	})
	if err != nil {
		return 0, judge(doing, err)
	}
	if result != nil {
		if err := json.Unmarshal(got.Result, result); err != nil {
			return 0, fmt.Errorf("%s: read the answer of Cloudflare: %w", doing, err)
		}
	}
	return got.Info.TotalPages, nil
}

func (e *Editor) once(ctx context.Context, method, path string, content []byte, out *envelope) (status int, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, e.o.Base+path, bytes.NewReader(content))
	if err != nil {
		return 0, err
	}
	r.Header.Set("Authorization", "Bearer "+e.o.Token)
	r.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, err
	}
	defer func() { _ = response.Body.Close() }() // it has been read
	raw, err := io.ReadAll(io.LimitReader(response.Body, longest))
	if err != nil {
		return 0, err
	}
	*out = envelope{}
	if err := json.Unmarshal(raw, out); err != nil && response.StatusCode < http.StatusBadRequest {
		return response.StatusCode, fmt.Errorf("read the answer of Cloudflare: %w", err)
	}
	if response.StatusCode < http.StatusBadRequest && out.Success {
		return response.StatusCode, nil
	}
	var why []string
	var codes []int
	for _, e := range out.Errors {
		codes = append(codes, e.Code)
		why = append(why, fmt.Sprintf("%s (%d)", strings.TrimSuffix(e.Message, "."), e.Code))
	}
	return response.StatusCode, &answer{status: response.StatusCode, codes: codes, why: strings.Join(append(why, response.Status), ", ")}
}

// judge tells what will not change by asking again from what may.
func judge(doing string, err error) error {
	no, said := err.(*answer) //nolint:errorlint // made above, never wrapped
	switch {
	case !said || no.status == http.StatusTooManyRequests || no.status >= http.StatusInternalServerError || no.status < http.StatusBadRequest:
		return fmt.Errorf("%s: %w", doing, err)
	case no.status == http.StatusUnauthorized || no.status == http.StatusForbidden:
		return &fault.Error{Code: fault.Refused, Hint: Variable + " has to be a token that is allowed Zone Read and DNS Write for the zone", Err: fmt.Errorf("%s: Cloudflare does not let this token: %w", doing, err)}
	}
	return fault.Wrap(fault.Refused, "", fmt.Errorf("%s: Cloudflare refuses it, and wrote nothing: %w", doing, err))
}
