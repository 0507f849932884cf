package ghaction

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/sethvargo/go-retry"

	"cutover.dev/cutover/pkg/fault"
)

// The variables with which the runner lends a job the right to ask for tokens that say which job it is.
const (
	idTokenURL    = "ACTIONS_ID_TOKEN_REQUEST_URL"
	idTokenBearer = "ACTIONS_ID_TOKEN_REQUEST_TOKEN" //nolint:gosec // the name of a variable
)

// margin is the part of a token's life, at its end, in which it is not handed out any more: a request has to arrive with it.
const margin = 10

// IDTokens are tokens, signed by GitHub, that say which repository, environment and run this job is. They live for minutes, so
// whoever needs one asks for it each time. Its methods may be called from several goroutines.
type IDTokens struct {
	bearer string
	url    string
	client http.Client

	turn  chan struct{} // holds one while somebody looks at what is below, or asks
	value string
	fresh time.Time // until then nobody asks for another; by this machine's own clock, as all of them
	until time.Time // when it ends, or a little before
	again time.Time // when to ask once more after GitHub gave none
}

// IDTokens returns the tokens for one audience, which is who is meant to believe them. It asks nobody yet.
func (r *Runner) IDTokens(audience string) (*IDTokens, error) {
	at, err := url.Parse(r.getenv(idTokenURL))
	if err != nil || at.Host == "" || r.getenv(idTokenBearer) == "" {
		return nil, fault.New(fault.Usage, "the job needs `permissions: {id-token: write}`; outside of GitHub Actions there are none",
			"GitHub lends this job no tokens (%s, %s)", idTokenURL, idTokenBearer)
	}
	query := at.Query()
	query.Set("audience", audience)
	at.RawQuery = query.Encode()
	return &IDTokens{
		bearer: r.getenv(idTokenBearer), url: at.String(), client: http.Client{Timeout: 10 * time.Second}, turn: make(chan struct{}, 1),
	}, nil
}

// Token returns one that is good for a while yet. It is for the caller to mask it where something could be shown: what is
// written here could end up in a file. Its errors never contain one. Who waits for others gives up with ctx.
func (t *IDTokens) Token(ctx context.Context) (string, error) {
	select {
	case t.turn <- struct{}{}:
		defer func() { <-t.turn }()
	case <-ctx.Done():
		return "", fmt.Errorf("wait for a token of GitHub: %w", context.Cause(ctx))
	}
	asked := time.Now()
	if t.value != "" && (asked.Before(t.fresh) || asked.Before(t.again) && asked.Before(t.until)) {
		return t.value, nil
	}
	tries := uint64(3)
	if t.value != "" && asked.Before(t.until) {
		tries = 0 // nobody has to wait: there will be other times
	}
	value, life, err := t.another(ctx, tries)
	now := time.Now()
	switch {
	case err == nil:
		// From before it was made: the clocks of GitHub and of this machine need not agree.
		t.value, t.fresh, t.until = value, asked.Add(life*2/3), asked.Add(life-life/margin)
		return value, nil
	case t.value != "" && now.Before(t.until): // GitHub has bad moments, and this one is good for a while
		t.again = now.Add(t.until.Sub(now) / 4)
		return t.value, nil
	}
	return "", err
}

// another asks for a token, more than once if it has to, and says how long it is good.
func (t *IDTokens) another(ctx context.Context, more uint64) (value string, life time.Duration, err error) {
	err = retry.Do(ctx, retry.WithMaxRetries(more, retry.NewExponential(200*time.Millisecond)), func(ctx context.Context) (err error) {
		value, err = t.ask(ctx)
		return err
	})
	if err != nil {
		return "", 0, fmt.Errorf("ask GitHub for a token: %w", err)
	}
	if life, err = lifetime(value); err != nil {
		return "", 0, fmt.Errorf("read the token of GitHub: %w", err)
	}
	return value, life, nil
}

func (t *IDTokens) ask(ctx context.Context) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, t.url, nil)
	if err != nil {
		return "", err
	}
	req.Header.Set("Authorization", "Bearer "+t.bearer)
	req.Header.Set("Accept", "application/json")
	resp, err := t.client.Do(req)
	if err != nil {
		return "", retry.RetryableError(err)
	}
	defer resp.Body.Close() //nolint:errcheck // it was read
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	switch {
	case err != nil:
		return "", retry.RetryableError(err)
	case resp.StatusCode >= 500 || resp.StatusCode == http.StatusTooManyRequests:
		return "", retry.RetryableError(fmt.Errorf("it answers %s", resp.Status))
	case resp.StatusCode != http.StatusOK:
		return "", fmt.Errorf("it answers %s", resp.Status)
	}
	var answer struct{ Value string }
	if err := json.Unmarshal(body, &answer); err != nil || answer.Value == "" {
		return "", fmt.Errorf("its answer has no token (%T)", err) // the text of err may quote it
	}
	return answer.Value, nil
}

// lifetime is how long a token is good, by its own claims. Who believes it checks its signature; here it is only read.
func lifetime(token string) (time.Duration, error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return 0, fmt.Errorf("it has %d parts, not 3", len(parts))
	}
	raw, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return 0, fmt.Errorf("its claims are not base64")
	}
	var claims struct{ Iat, Exp int64 }
	if err := json.Unmarshal(raw, &claims); err != nil {
		return 0, fmt.Errorf("its claims are not JSON")
	}
	life := time.Duration(claims.Exp-claims.Iat) * time.Second
	if life <= 0 {
		return 0, fmt.Errorf("it says that it is good for %s", life)
	}
	return life, nil
}
