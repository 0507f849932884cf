package hubtest

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
)

// Environment is one environment with its rules. One that was never made has none, as on GitHub.
type Environment struct {
	Reviewers []string // logins; none: nobody is asked
	Branch    string   // the only one that may use it; "": any
}

// Run is one run of a workflow.
type Run struct {
	Workflow, Ref, Actor string
	Reviews              []Review
}

// Review is one answer of a person to a run that waits at an environment.
type Review struct {
	State, Environment, Login, Comment string
}

// Workflow is one file of workflows: whether it was turned off, and what was started of it by the API.
type Workflow struct {
	Off     bool
	Started []Dispatch
}

// Dispatch is one start of a workflow by the API.
type Dispatch struct {
	Ref    string            `json:"ref"`
	Inputs map[string]string `json:"inputs"`
}

// ErrRule says that the rules of the repository do not allow it.
var ErrRule = errors.New("the rules of the repository do not allow it")

// Enter is what happens when a job of a run names an environment: one that is missing is made, without rules; a branch that may
// not use it is an error. It says whether the job waits for a person.
func (h *Hub) Enter(run int64, name string) (waits bool, err error) {
	r, e := h.Runs[run], h.Environments[name]
	if r == nil {
		return false, fmt.Errorf("there is no run %d", run)
	}
	if e == nil {
		e = &Environment{}
		h.Environments[name] = e
	}
	if e.Branch != "" && r.Ref != "refs/heads/"+e.Branch {
		return false, fmt.Errorf("%w: %s may not use the environment %s", ErrRule, r.Ref, name)
	}
	return len(e.Reviewers) > 0, nil
}

// Answer puts a person's yes or no to a run that waits at an environment on record.
func (h *Hub) Answer(run int64, name, login, state string) error {
	waits, err := h.Enter(run, name)
	switch {
	case err != nil:
		return err
	case !waits:
		return fmt.Errorf("run %d does not wait at %s: nobody is asked there", run, name)
	case !slices.Contains(h.Environments[name].Reviewers, login):
		return fmt.Errorf("%w: %s is no reviewer of %s", ErrRule, login, name)
	case state != "approved" && state != "rejected":
		return fmt.Errorf("%q is no answer", state)
	}
	h.Runs[run].Reviews = append(h.Runs[run].Reviews, Review{state, name, login, ""})
	return nil
}

// actions is what one may do with runs, environments and workflows.
func (h *Hub) actions() {
	handle := func(pattern string, f func(http.ResponseWriter, *http.Request)) {
		h.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			if h.may(w, r, "actions") {
				f(w, r)
			}
		})
	}
	handle("GET /repos/acme/shop/actions/runs/{id}/approvals", h.reviews)
	handle("GET /repos/acme/shop/environments/{name}", h.environment)
	handle("PUT /repos/acme/shop/environments/{name}", h.makeEnvironment)
	handle("POST /repos/acme/shop/actions/workflows/{file}/dispatches", func(w http.ResponseWriter, r *http.Request) {
		f, d := h.Workflows[r.PathValue("file")], Dispatch{}
		if !read(w, r, &d) {
			return
		}
		switch {
		case f == nil:
			Fail(w, http.StatusNotFound, "Not Found")
			return
		case f.Off:
			Fail(w, http.StatusUnprocessableEntity, "Cannot trigger a 'workflow_dispatch' on a disabled workflow")
			return
		}
		f.Started = append(f.Started, d)
		w.WriteHeader(http.StatusNoContent)
	})
	handle("PUT /repos/acme/shop/actions/workflows/{file}/{turn}", func(w http.ResponseWriter, r *http.Request) {
		f, turn := h.Workflows[r.PathValue("file")], r.PathValue("turn")
		if f == nil || turn != "enable" && turn != "disable" {
			Fail(w, http.StatusNotFound, "Not Found")
			return
		}
		f.Off = turn == "disable"
		w.WriteHeader(http.StatusNoContent)
	})
}

func (h *Hub) reviews(w http.ResponseWriter, r *http.Request) {
	id, _ := strconv.ParseInt(r.PathValue("id"), 10, 64) // 0 is no run
	if h.Runs[id] == nil {
		Fail(w, http.StatusNotFound, "Not Found")
		return
	}
	record := []any{}
	for _, v := range h.Runs[id].Reviews {
		record = append(record, map[string]any{
			"state": v.State, "comment": v.Comment, "user": User{v.Login, "User"}, "environments": []any{map[string]string{"name": v.Environment}},
		})
	}
	answer(w, record)
}

// makeEnvironment makes an environment, or gives one that is there the rules that are asked for and no others.
func (h *Hub) makeEnvironment(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Reviewers []struct {
			Type string
			ID   int64
		}
		Policy *struct {
			Protected bool `json:"protected_branches"`
			Custom    bool `json:"custom_branch_policies"`
		} `json:"deployment_branch_policy"`
	}
	e := &Environment{}
	if r.ContentLength != 0 && !read(w, r, &in) {
		return
	}
	for _, who := range in.Reviewers {
		login, ok := h.People[who.ID]
		if who.Type != "User" || !ok {
			Fail(w, http.StatusUnprocessableEntity, "Validation Failed: reviewers")
			return
		}
		e.Reviewers = append(e.Reviewers, login)
	}
	if in.Policy != nil {
		if in.Policy.Protected == in.Policy.Custom {
			Fail(w, http.StatusUnprocessableEntity, "protected_branches and custom_branch_policies cannot have the same value")
			return
		}
		e.Branch = "main"
	}
	h.Environments[r.PathValue("name")] = e
	h.environment(w, r)
}

func (h *Hub) environment(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	e := h.Environments[name]
	if e == nil {
		Fail(w, http.StatusNotFound, "Not Found")
		return
	}
	rules := []any{}
	if len(e.Reviewers) > 0 {
		var people []any
		for _, login := range e.Reviewers {
			people = append(people, map[string]any{"type": "User", "reviewer": User{login, "User"}})
		}
		rules = append(rules, map[string]any{"type": "required_reviewers", "reviewers": people})
	}
	shown := map[string]any{"name": name, "protection_rules": rules, "deployment_branch_policy": nil}
	if e.Branch != "" {
		shown["deployment_branch_policy"] = map[string]bool{"protected_branches": true, "custom_branch_policies": false}
	}
	answer(w, shown)
}
