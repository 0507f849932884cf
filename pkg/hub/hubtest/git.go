package hubtest

import (
	"encoding/base64"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// Commit is one commit with all of its files.
type Commit struct {
	SHA, Message string
	Parents      []string
	Files        map[string]string
}

// Pull is one pull request.
type Pull struct {
	Number                         int
	State, Title, Body, Head, Base string
	Repo                           string // that the branch is in
	Author                         string
}

// Commit puts a commit with one changed file on a branch, which it makes where it is missing.
func (h *Hub) Commit(branch, message, path, text string) *Commit {
	was := h.Commits[h.Branches[branch]]
	c := h.made(message, path, text, was)
	h.Branches[branch] = c.SHA
	return c
}

func (h *Hub) made(message, path, text string, parents ...*Commit) *Commit {
	h.nextID++
	c := &Commit{SHA: fmt.Sprintf("%040x", h.nextID), Message: message, Files: map[string]string{}}
	for _, p := range parents {
		if p != nil {
			maps.Copy(c.Files, p.Files)
			c.Parents = append(c.Parents, p.SHA)
		}
	}
	c.Files[path] = text
	h.Commits[c.SHA] = c
	return c
}

// Merge merges a pull request, by a merge commit or squashed into one.
func (h *Hub) Merge(p *Pull, squash bool) {
	base, head := h.Commits[h.Branches[p.Base]], h.Commits[h.Branches[p.Head]]
	c := h.made("Merge "+p.Title, "", "", base, head)
	if squash {
		c.Parents = c.Parents[:1]
	}
	h.Branches[p.Base], p.State = c.SHA, "closed"
}

// ancestors are all commits that a commit stands on, itself included.
func (h *Hub) ancestors(sha string) map[string]bool {
	seen := map[string]bool{}
	for todo := []string{sha}; len(todo) > 0; todo = todo[1:] {
		if c := h.Commits[todo[0]]; c != nil && !seen[c.SHA] {
			seen[c.SHA] = true
			todo = append(todo, c.Parents...)
		}
	}
	return seen
}

// git is what one may do with branches and commits.
func (h *Hub) git() {
	handle := func(pattern string, f func(http.ResponseWriter, *http.Request)) {
		h.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			if h.may(w, r, "contents") {
				f(w, r)
			}
		})
	}
	handle("GET /repos/acme/shop/git/ref/heads/{branch...}", func(w http.ResponseWriter, r *http.Request) {
		h.ref(w, r.PathValue("branch"))
	})
	handle("GET /repos/acme/shop/contents/{path...}", func(w http.ResponseWriter, r *http.Request) {
		c := h.Commits[r.URL.Query().Get("ref")]
		if c == nil || c.Files[r.PathValue("path")] == "" {
			Fail(w, http.StatusNotFound, "Not Found")
			return
		}
		text := c.Files[r.PathValue("path")]
		answer(w, map[string]any{"type": "file", "encoding": "base64", "size": len(text), "content": base64.StdEncoding.EncodeToString([]byte(text))})
	})
	handle("GET /repos/acme/shop/git/commits/{sha}", func(w http.ResponseWriter, r *http.Request) {
		if c := h.Commits[r.PathValue("sha")]; c != nil {
			answer(w, map[string]any{"sha": c.SHA, "tree": map[string]string{"sha": "tree-of-" + c.SHA}})
			return
		}
		Fail(w, http.StatusNotFound, "Not Found")
	})
	handle("POST /repos/acme/shop/git/trees", h.tree)
	handle("POST /repos/acme/shop/git/commits", h.commit)
	handle("POST /repos/acme/shop/git/refs", h.createRef)
	handle("PATCH /repos/acme/shop/git/refs/heads/{branch...}", h.updateRef)
	handle("GET /repos/acme/shop/compare/{range}", h.compare)
}

func (h *Hub) ref(w http.ResponseWriter, branch string) {
	sha := h.Branches[branch]
	if sha == "" {
		Fail(w, http.StatusNotFound, "Not Found")
		return
	}
	answer(w, map[string]any{"ref": "refs/heads/" + branch, "object": map[string]string{"type": "commit", "sha": sha}})
}

// tree keeps a tree as a commit that no branch has.
func (h *Hub) tree(w http.ResponseWriter, r *http.Request) {
	var in struct {
		BaseTree string `json:"base_tree"`
		Tree     []struct{ Path, Mode, Type, Content string }
	}
	if !read(w, r, &in) {
		return
	}
	base := h.Commits[strings.TrimPrefix(in.BaseTree, "tree-of-")]
	if base == nil || len(in.Tree) != 1 || in.Tree[0].Mode != "100644" {
		Fail(w, http.StatusUnprocessableEntity, "Tree is not valid")
		return
	}
	t := h.made("", in.Tree[0].Path, in.Tree[0].Content, base)
	w.WriteHeader(http.StatusCreated)
	answer(w, map[string]string{"sha": "tree-of-" + t.SHA})
}

func (h *Hub) commit(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Message, Tree string
		Parents       []string
	}
	if !read(w, r, &in) {
		return
	}
	c := h.Commits[strings.TrimPrefix(in.Tree, "tree-of-")]
	if c == nil || len(in.Parents) != 1 || h.Commits[in.Parents[0]] == nil {
		Fail(w, http.StatusUnprocessableEntity, "Parents or tree are not valid")
		return
	}
	c.Message, c.Parents = in.Message, in.Parents
	w.WriteHeader(http.StatusCreated)
	answer(w, map[string]string{"sha": c.SHA})
}

func (h *Hub) createRef(w http.ResponseWriter, r *http.Request) {
	var in struct{ Ref, SHA string }
	if !read(w, r, &in) {
		return
	}
	branch := strings.TrimPrefix(in.Ref, "refs/heads/")
	if h.Branches[branch] != "" || h.Commits[in.SHA] == nil {
		Fail(w, http.StatusUnprocessableEntity, "Reference already exists")
		return
	}
	h.Branches[branch] = in.SHA
	w.WriteHeader(http.StatusCreated)
	h.ref(w, branch)
}

func (h *Hub) updateRef(w http.ResponseWriter, r *http.Request) {
	var in struct {
		SHA   string
		Force bool
	}
	branch := r.PathValue("branch")
	if !read(w, r, &in) {
		return
	}
	if h.Protected[branch] {
		Fail(w, http.StatusUnprocessableEntity, "Protected branch update failed for refs/heads/"+branch+".")
		return
	}
	if h.Branches[branch] == "" || h.Commits[in.SHA] == nil || !in.Force && !h.ancestors(in.SHA)[h.Branches[branch]] {
		Fail(w, http.StatusUnprocessableEntity, "Update is not a fast forward")
		return
	}
	h.Branches[branch] = in.SHA
	if i := slices.IndexFunc(h.Pulls, func(p *Pull) bool { return p.State == "open" && p.Head == branch }); i >= 0 && h.ancestors(h.Branches[h.Pulls[i].Base])[in.SHA] {
		h.Pulls[i].State = "closed" // as GitHub does where nothing is left to merge
	}
	h.ref(w, branch)
}

func (h *Hub) compare(w http.ResponseWriter, r *http.Request) {
	base, head, _ := strings.Cut(r.PathValue("range"), "...")
	if h.Commits[base] == nil || h.Commits[head] == nil {
		Fail(w, http.StatusNotFound, "Not Found")
		return
	}
	there, commits := h.ancestors(base), []any{}
	for _, sha := range slices.Sorted(maps.Keys(h.ancestors(head))) {
		if c := h.Commits[sha]; !there[sha] {
			parents := []map[string]string{}
			for _, p := range c.Parents {
				parents = append(parents, map[string]string{"sha": p})
			}
			commits = append(commits, map[string]any{"sha": sha, "commit": map[string]string{"message": c.Message}, "parents": parents})
		}
	}
	answer(w, map[string]any{"ahead_by": len(commits), "total_commits": len(commits), "commits": commits})
}
