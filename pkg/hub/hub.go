// Package hub asks the API of GitHub what GitHub itself does not enforce: whether somebody approved this run, and whether
// an environment has the rules that make it a gate. It also keeps the comment under a pull request, and proposes changes of a
// file. It is the only importer of go-github. It writes nothing else, knows no plan and no phase, and never decides: what
// it could not tell is an error, and an error is never a yes.
package hub

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/google/go-github/v82/github"

	"cutover.dev/cutover/pkg/fault"
)

// patience is how long one request may take. A job is not held up by an API that hangs.
const patience = 20 * time.Second

// Run is the workflow run that this process is part of.
type Run struct {
	Owner, Repo string
	ID          int64
	Attempt     int      // counts from 1; a re-run of all jobs asks its reviewers again
	Starters    []string // logins of who began it and of who began this attempt
}

// Client asks one GitHub.
type Client struct{ github *github.Client }

// ErrNoRun says that this process is not part of a workflow run.
var ErrNoRun = errors.New("this process is not part of a workflow run")

// ErrDenied says that there is no token, or that it may not do what it was used for.
var ErrDenied = errors.New("not allowed")

// denied is an error that is ErrDenied, in its own words.
type denied struct{ error }

func (d denied) Is(target error) bool { return target == ErrDenied }
func (d denied) Unwrap() error        { return d.error }

// FromEnvironment reads which repository and which run this is from the variables that the runner sets, and connects to
// the API beside it. token needs the permission actions: read. Nothing is asked yet. Without a repository it returns
// ErrNoRun; with one and without a run, whatever is about the run will.
func FromEnvironment(env func(string) string, token string) (*Client, Run, error) {
	owner, repo, ok := strings.Cut(env("GITHUB_REPOSITORY"), "/")
	if !ok {
		return nil, Run{}, ErrNoRun
	}
	r := Run{Owner: owner, Repo: repo}
	id, idErr := strconv.ParseInt(env("GITHUB_RUN_ID"), 10, 64)
	attempt, err := strconv.Atoi(env("GITHUB_RUN_ATTEMPT"))
	if idErr == nil && err == nil {
		r.ID, r.Attempt = id, attempt
	}
	for _, name := range []string{"GITHUB_ACTOR", "GITHUB_TRIGGERING_ACTOR"} {
		if login := env(name); login != "" {
			r.Starters = append(r.Starters, login)
		}
	}
	c, err := connect(env("GITHUB_API_URL"), token)
	return c, r, err
}

// connect prepares a client; api is "" for github.com.
func connect(api, token string) (*Client, error) {
	if token == "" {
		return nil, fault.Wrap(fault.Unsure, "set the input github-token; its job needs the permission actions: read", denied{errors.New("there is no token to ask GitHub with")})
	}
	c := github.NewClient(&http.Client{Timeout: patience}).WithAuthToken(token)
	if api != "" {
		base, err := url.Parse(strings.TrimSuffix(api, "/") + "/")
		if err != nil {
			return nil, fmt.Errorf("read GITHUB_API_URL: %w", err)
		}
		c.BaseURL = base
	}
	return &Client{c}, nil
}

// get asks for one document below the run's repository.
func (c *Client) get(ctx context.Context, r Run, path string, into any) error {
	request, err := c.github.NewRequest(http.MethodGet, fmt.Sprintf("repos/%s/%s/%s", url.PathEscape(r.Owner), url.PathEscape(r.Repo), path), nil)
	if err != nil {
		return fmt.Errorf("ask GitHub: %w", err)
	}
	if _, err := c.github.Do(ctx, request, into); err != nil {
		return explain(err, "actions: read")
	}
	return nil
}

// explain says what can be done about an answer that is none. permissions is what the token needs for the question.
func explain(err error, permissions string) error {
	const later = "run the job again once GitHub's API answers"
	said := fmt.Errorf("ask GitHub: %w", err)
	answer, ok := errors.AsType[*github.ErrorResponse](err)
	if !ok || answer.Response == nil { // limits of the rate have types of their own
		return fault.Wrap(fault.Unsure, later, said)
	}
	switch answer.Response.StatusCode {
	case http.StatusUnauthorized:
		return fault.Wrap(fault.Unsure, "the token is not valid any more; run the job again", said)
	case http.StatusForbidden, http.StatusNotFound: // GitHub says 404 where it does not want to tell
		return fault.Wrap(fault.Unsure, "the token may not do this: the job needs permissions: {"+permissions+"}", denied{said})
	}
	return fault.Wrap(fault.Unsure, later, said)
}

// status is the status of an answer that is an error, 0 where there was none.
func status(err error) int {
	if answer, ok := errors.AsType[*github.ErrorResponse](err); ok && answer.Response != nil {
		return answer.Response.StatusCode
	}
	return 0
}
