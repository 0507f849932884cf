package hubtest

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

func (p *Pull) shown() map[string]any {
	return map[string]any{
		"number": p.Number, "state": p.State, "title": p.Title, "body": p.Body,
		"html_url": fmt.Sprintf("https://github.test/acme/shop/pull/%d", p.Number),
		"head":     map[string]any{"ref": p.Head, "repo": map[string]string{"full_name": p.Repo}},
		"base":     map[string]any{"ref": p.Base, "repo": map[string]string{"full_name": "acme/shop"}},
	}
}

// pulls is what one may do with pull requests.
func (h *Hub) pulls() {
	h.mux.HandleFunc("GET /repos/acme/shop/pulls", func(w http.ResponseWriter, r *http.Request) {
		if !h.may(w, r, "pull_requests") {
			return
		}
		q, found := r.URL.Query(), []any{}
		for _, p := range h.Pulls {
			owner, _, _ := strings.Cut(p.Repo, "/")
			if p.State == q.Get("state") && q.Get("head") == owner+":"+p.Head && q.Get("base") == p.Base {
				found = append(found, p.shown())
			}
		}
		page(w, r, found)
	})
	h.mux.HandleFunc("POST /repos/acme/shop/pulls", func(w http.ResponseWriter, r *http.Request) {
		in := &Pull{}
		if !h.may(w, r, "pull_requests") || !read(w, r, in) || !fits(w, in.Body) {
			return
		}
		twin := func(p *Pull) bool { return p.State == "open" && p.Head == in.Head && p.Repo == "acme/shop" }
		switch {
		case h.Forbid:
			Fail(w, http.StatusForbidden, "GitHub Actions is not permitted to create or approve pull requests.")
			return
		case slices.ContainsFunc(h.Pulls, twin):
			Fail(w, http.StatusUnprocessableEntity, "Validation Failed: A pull request already exists for acme:"+in.Head+".")
			return
		case h.Branches[in.Head] == "" || h.ancestors(h.Branches[in.Base])[h.Branches[in.Head]]:
			Fail(w, http.StatusUnprocessableEntity, "Validation Failed: No commits between "+in.Base+" and "+in.Head)
			return
		}
		in.Number, in.State, in.Repo, in.Author = 100+len(h.Pulls), "open", "acme/shop", h.me().Login
		h.Pulls = append(h.Pulls, in)
		w.WriteHeader(http.StatusCreated)
		answer(w, in.shown())
	})
	h.mux.HandleFunc("PATCH /repos/acme/shop/pulls/{number}", func(w http.ResponseWriter, r *http.Request) {
		n, _ := strconv.Atoi(r.PathValue("number")) // 0 is none
		i := slices.IndexFunc(h.Pulls, func(p *Pull) bool { return p.Number == n })
		in := Pull{}
		if !h.may(w, r, "pull_requests") || !read(w, r, &in) || !fits(w, in.Body) {
			return
		}
		if i < 0 {
			Fail(w, http.StatusNotFound, "Not Found")
			return
		}
		h.Pulls[i].Title, h.Pulls[i].Body = in.Title, in.Body
		answer(w, h.Pulls[i].shown())
	})
}

// Approve merges a pull request as somebody who reviewed it: not the one who opened it, since nobody approves their own.
func (h *Hub) Approve(number int, login string) error {
	i := slices.IndexFunc(h.Pulls, func(p *Pull) bool { return p.Number == number && p.State == "open" })
	switch {
	case i < 0:
		return fmt.Errorf("there is no open pull request %d", number)
	case h.Protected[h.Pulls[i].Base] && h.Pulls[i].Author == login:
		return fmt.Errorf("%s opened pull request %d and cannot approve it", login, number)
	}
	h.Merge(h.Pulls[i], true)
	return nil
}

// Open opens a pull request as a person. The first one is 7, which has the comments.
func (h *Hub) Open(head, base, title, login string) (int, error) {
	if h.Branches[head] == "" || h.ancestors(h.Branches[base])[h.Branches[head]] {
		return 0, fmt.Errorf("no commits between %s and %s", base, head)
	}
	p := &Pull{Number: 7 + len(h.Pulls), State: "open", Title: title, Head: head, Base: base, Repo: "acme/shop", Author: login}
	h.Pulls = append(h.Pulls, p)
	return p.Number, nil
}
