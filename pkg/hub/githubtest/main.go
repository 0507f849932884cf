// Command githubtest serves the double of GitHub's API for jobs that run as processes of their own: the API on TCP and, on a unix
// socket, what people and GitHub itself do there (/double/...). It keeps nothing when it ends. It is for tests only.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"

	"cutover.dev/cutover/pkg/hub/hubtest"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:8790", "where the API is")
	control := flag.String("control", "", "the socket of those who are GitHub and its people")
	flag.Parse()
	if err := serve(*listen, *control); err != nil {
		fmt.Fprintln(os.Stderr, "githubtest:", err)
		os.Exit(1)
	}
}

func serve(listen, control string) error {
	h := hubtest.New(func(format string, args ...any) { fmt.Fprintf(os.Stderr, "not known: "+format+"\n", args...) })
	people, err := net.Listen("unix", control)
	if err != nil {
		return err
	}
	api, err := net.Listen("tcp", listen)
	if err != nil {
		return errors.Join(err, people.Close())
	}
	ended := make(chan error, 2)
	for l, handler := range map[net.Listener]http.Handler{api: h, people: doubled(h)} {
		s := &http.Server{Handler: handler, ReadHeaderTimeout: time.Minute}
		go func() { ended <- s.Serve(l) }()
	}
	return <-ended
}

// asked is what /double/... is given; each uses what it needs.
type asked struct {
	Branch, Message, Path, Text string // commit, text
	Name, Login, State          string // of an environment, of a person, of an answer
	Reviewers                   []string
	Run                         int64
	Workflow, Ref               string
	Number                      int
	Off                         bool
}

// doubled is what GitHub and its people do, one path each.
func doubled(h *hubtest.Hub) http.Handler {
	mux := http.NewServeMux()
	does := func(path string, f func(asked) (any, error)) {
		mux.HandleFunc("POST /double/"+path, func(w http.ResponseWriter, r *http.Request) {
			var in asked
			err := json.NewDecoder(r.Body).Decode(&in)
			var out any
			if err == nil {
				h.Lock()
				defer h.Unlock()
				out, err = f(in)
			}
			if err != nil {
				http.Error(w, err.Error(), http.StatusConflict)
				return
			}
			_ = json.NewEncoder(w).Encode(out) // who went away does not read it
		})
	}
	does("commit", func(in asked) (any, error) { return h.Commit(in.Branch, in.Message, in.Path, in.Text).SHA, nil })
	does("text", func(in asked) (any, error) {
		if c := h.Commits[h.Branches[in.Branch]]; c != nil {
			return c.Files[in.Path], nil
		}
		return nil, fmt.Errorf("there is no branch %s", in.Branch)
	})
	does("protect", func(in asked) (any, error) { h.Protected[in.Branch] = true; return true, nil })
	does("environment", func(in asked) (any, error) {
		h.Environments[in.Name] = &hubtest.Environment{Reviewers: in.Reviewers, Branch: in.Branch}
		return true, nil
	})
	does("workflow", func(in asked) (any, error) {
		if f := h.Workflows[in.Name]; f != nil {
			f.Off = in.Off
			return true, nil
		}
		h.Workflows[in.Name] = &hubtest.Workflow{Off: in.Off}
		return true, nil
	})
	does("run", func(in asked) (any, error) {
		if f := h.Workflows[in.Workflow]; f == nil || f.Off {
			return nil, fmt.Errorf("the workflow %s is off", in.Workflow)
		}
		h.Runs[in.Run] = &hubtest.Run{Workflow: in.Workflow, Ref: in.Ref, Actor: in.Login}
		return true, nil
	})
	does("enter", func(in asked) (any, error) { return h.Enter(in.Run, in.Name) })
	does("answer", func(in asked) (any, error) { return true, h.Answer(in.Run, in.Name, in.Login, in.State) })
	does("merge", func(in asked) (any, error) { return true, h.Approve(in.Number, in.Login) })
	does("open", func(in asked) (any, error) { return h.Open(in.Branch, in.Ref, in.Message, in.Login) })
	does("state", func(asked) (any, error) {
		return map[string]any{"Pulls": h.Pulls, "Comments": h.Comments, "Workflows": h.Workflows, "Runs": h.Runs, "Asked": h.Asked}, nil
	})
	return mux
}
