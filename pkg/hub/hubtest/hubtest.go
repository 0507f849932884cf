// Package hubtest is a double of the API of GitHub for one repository, acme/shop: comments and pull requests in pages, a
// token that may do some things and not others, limits of the rate, texts that are too long, runs and who approved them,
// environments, protected branches, workflows. It answers as GitHub does where the product depends on it, refuses what it does
// not know and what GitHub's rules do not allow, and keeps what it was asked to change. It is for tests only.
package hubtest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"
	"unicode/utf8"
)

// Token is the only one that is taken.
const Token = "hub-t0k3n"

// maxBody is how many characters a comment and the text of a pull request may have.
const maxBody = 65536

// Hub is the double. Its fields may be changed between requests, under Lock where requests may come meanwhile.
type Hub struct {
	sync.Mutex
	URL string // the API's, as GITHUB_API_URL has it

	// Write and Read are the permissions of the token. What it may not read does not exist to it, unless Public.
	Write, Read map[string]bool
	Public      bool
	Login       string // whose the token is; "" = a job's own, by github-actions[bot]
	Broken      func(http.ResponseWriter, *http.Request) bool

	Comments []*Comment // of pull request 7
	Commits  map[string]*Commit
	Branches map[string]string // names to commits
	Pulls    []*Pull
	Forbid   bool     // the repository does not let its jobs make pull requests
	Asked    []string // methods and paths, in order

	Protected    map[string]bool // branches that change by a merge that somebody else approved, and in no other way
	Environments map[string]*Environment
	People       map[int64]string // logins, of those who may be reviewers
	Runs         map[int64]*Run
	Workflows    map[string]*Workflow // by file

	fail   func(format string, args ...any) // is told what the double should not have been asked
	mux    *http.ServeMux
	nextID int64
}

// User is who wrote something.
type User struct {
	Login string `json:"login"`
	Type  string `json:"type"`
}

// Comment is one comment on the pull request.
type Comment struct {
	ID   int64  `json:"id"`
	Body string `json:"body"`
	User User   `json:"user"`
	URL  string `json:"html_url"`
}

// New is a double whose token may write to everything. fail is told what it should not have been asked.
func New(fail func(format string, args ...any)) *Hub {
	h := &Hub{fail: fail, mux: http.NewServeMux(), nextID: 1000, Public: true, Write: map[string]bool{"contents": true, "pull_requests": true, "actions": true}}
	h.Commits, h.Branches, h.Protected = map[string]*Commit{}, map[string]string{}, map[string]bool{}
	h.Environments, h.Runs, h.Workflows = map[string]*Environment{}, map[int64]*Run{}, map[string]*Workflow{}
	h.comments()
	h.git()
	h.pulls()
	h.actions()
	return h
}

// Start starts a double for a test.
func Start(t *testing.T) *Hub {
	t.Helper()
	h := New(t.Errorf)
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	h.URL = s.URL
	return h
}

// Env are the variables of a job on this GitHub; more are name, value, name, value on top.
func (h *Hub) Env(more ...string) func(string) string {
	vars := map[string]string{
		"GITHUB_API_URL": h.URL, "GITHUB_SERVER_URL": "https://github.test", "GITHUB_REPOSITORY": "acme/shop",
		"GITHUB_RUN_ID": "42", "GITHUB_RUN_ATTEMPT": "1", "GITHUB_ACTOR": "ann",
	}
	for i := 0; i+1 < len(more); i += 2 {
		vars[more[i]] = more[i+1]
	}
	return func(name string) string { return vars[name] }
}

// me is whose the token is.
func (h *Hub) me() User {
	if h.Login == "" {
		return User{"github-actions[bot]", "Bot"}
	}
	return User{h.Login, "User"}
}

// Say adds a comment by somebody.
func (h *Hub) Say(login, kind, body string) *Comment {
	h.nextID++
	c := &Comment{ID: h.nextID, Body: body, User: User{login, kind}, URL: fmt.Sprintf("https://github.test/acme/shop/pull/7#issuecomment-%d", h.nextID)}
	h.Comments = append(h.Comments, c)
	return c
}

// ServeHTTP answers one request.
func (h *Hub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.Lock()
	defer h.Unlock()
	h.Asked = append(h.Asked, r.Method+" "+r.URL.Path)
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	switch {
	case h.Broken != nil && h.Broken(w, r):
	case r.Header.Get("Authorization") != "Bearer "+Token:
		Fail(w, http.StatusUnauthorized, "Bad credentials")
	default:
		if _, pattern := h.mux.Handler(r); pattern == "" {
			h.fail("the double was asked what it does not know: %s %s", r.Method, r.URL)
		}
		h.mux.ServeHTTP(w, r)
	}
}

// may says whether the token may do it, and answers if it may not.
func (h *Hub) may(w http.ResponseWriter, r *http.Request, permission string) bool {
	switch {
	case h.Write[permission], r.Method == http.MethodGet && (h.Public || h.Read[permission]):
		return true
	case h.Public || h.Read[permission]:
		Fail(w, http.StatusForbidden, "Resource not accessible by integration")
	default:
		Fail(w, http.StatusNotFound, "Not Found")
	}
	return false
}

// Fail answers with an error as GitHub words it.
func Fail(w http.ResponseWriter, code int, message string) {
	w.WriteHeader(code)
	answer(w, map[string]string{"message": message, "documentation_url": "https://docs.github.com/rest", "status": strconv.Itoa(code)})
}

// Limited answers that the limit of the rate is reached: the first one, which resets at a time, or the second one.
func Limited(w http.ResponseWriter, second bool) {
	code, docs := http.StatusForbidden, "https://docs.github.com/rest/overview/rate-limits-for-the-rest-api"
	if second {
		w.Header().Set("Retry-After", "60")
		docs += "#about-secondary-rate-limits"
		code = http.StatusTooManyRequests
	} else {
		w.Header().Set("X-RateLimit-Limit", "1000")
		w.Header().Set("X-RateLimit-Remaining", "0")
		w.Header().Set("X-RateLimit-Reset", strconv.FormatInt(time.Now().Add(time.Hour).Unix(), 10))
	}
	w.WriteHeader(code)
	answer(w, map[string]string{"message": "API rate limit exceeded for installation.", "documentation_url": docs})
}

func answer(w io.Writer, v any) { _ = json.NewEncoder(w).Encode(v) } // who went away does not read it

// page answers with one page of all, and says where the next one is.
func page[T any](w http.ResponseWriter, r *http.Request, all []T) {
	size, err := strconv.Atoi(r.URL.Query().Get("per_page"))
	if err != nil || size < 1 {
		size = 30
	}
	size = min(size, 100)
	n, err := strconv.Atoi(r.URL.Query().Get("page"))
	if err != nil || n < 1 {
		n = 1
	}
	from, to := min((n-1)*size, len(all)), min(n*size, len(all))
	if to < len(all) {
		next, q := *r.URL, r.URL.Query()
		q.Set("page", strconv.Itoa(n+1))
		next.RawQuery, next.Scheme, next.Host = q.Encode(), "http", r.Host
		w.Header().Set("Link", fmt.Sprintf(`<%s>; rel="next"`, next.String()))
	}
	answer(w, append([]T{}, all[from:to]...))
}

func read(w http.ResponseWriter, r *http.Request, into any) bool {
	if err := json.NewDecoder(r.Body).Decode(into); err != nil {
		Fail(w, http.StatusBadRequest, "Problems parsing JSON")
		return false
	}
	return true
}

// fits says whether a text is not too long, and answers if it is.
func fits(w http.ResponseWriter, body string) bool {
	if utf8.RuneCountInString(body) > maxBody {
		Fail(w, http.StatusUnprocessableEntity, fmt.Sprintf("Validation Failed: body is too long (maximum is %d characters)", maxBody))
		return false
	}
	return true
}

// comments is what one may do with comments and ask about oneself.
func (h *Hub) comments() {
	h.mux.HandleFunc("GET /user", func(w http.ResponseWriter, _ *http.Request) {
		if h.Login == "" {
			Fail(w, http.StatusForbidden, "Resource not accessible by integration")
			return
		}
		answer(w, User{h.Login, "User"})
	})
	h.mux.HandleFunc("GET /repos/acme/shop/issues/7/comments", func(w http.ResponseWriter, r *http.Request) {
		if h.may(w, r, "pull_requests") {
			page(w, r, h.Comments)
		}
	})
	h.mux.HandleFunc("POST /repos/acme/shop/issues/7/comments", func(w http.ResponseWriter, r *http.Request) {
		var in Comment
		if !h.may(w, r, "pull_requests") || !read(w, r, &in) || !fits(w, in.Body) {
			return
		}
		me := h.me()
		w.WriteHeader(http.StatusCreated)
		answer(w, h.Say(me.Login, me.Type, in.Body))
	})
	h.mux.HandleFunc("/repos/acme/shop/issues/comments/{id}", func(w http.ResponseWriter, r *http.Request) {
		id, _ := strconv.ParseInt(r.PathValue("id"), 10, 64) // 0 is nobody's
		i := slices.IndexFunc(h.Comments, func(c *Comment) bool { return c.ID == id })
		var in Comment
		switch {
		case !h.may(w, r, "pull_requests"):
		case i < 0:
			Fail(w, http.StatusNotFound, "Not Found")
		case r.Method == http.MethodDelete:
			h.Comments = slices.Delete(h.Comments, i, i+1)
			w.WriteHeader(http.StatusNoContent)
		case r.Method == http.MethodPatch && read(w, r, &in) && fits(w, in.Body):
			h.Comments[i].Body = in.Body
			answer(w, h.Comments[i])
		}
	})
}
