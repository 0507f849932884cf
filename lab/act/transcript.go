package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"cutover.dev/cutover/lab/rehearse"
)

// mainStage is the stage of a step that does its work, as opposed to what is prepared before and cleared away after it.
const mainStage = "Main"

// entry is one line that act prints with --json: what it did itself, or one line of a step's output.
type entry struct {
	Job        string   `json:"job"`
	JobID      string   `json:"jobID"`
	Stage      string   `json:"stage"`
	Step       string   `json:"step"`
	StepID     []string `json:"stepID"`
	StepResult string   `json:"stepResult"`
	JobResult  string   `json:"jobResult"`
	Command    string   `json:"command"` // set-output, summary, add-mask …
	Name       string   `json:"name"`    // of an output
	Arg        string   `json:"arg"`     // its value
	Content    string   `json:"content"` // of a summary
	Message    string   `json:"msg"`
}

func (e entry) id() string {
	if len(e.StepID) == 0 {
		return ""
	}
	return e.StepID[0]
}

// name is the step's id if it was given one, and else what it does: act numbers those.
func (e entry) name() string {
	if _, err := strconv.Atoi(e.id()); err == nil || e.id() == "" {
		return e.Step
	}
	return e.id()
}

// job is what is known of one job of the chain.
type job struct {
	Name    string          `json:"name"`
	Result  string          `json:"result"` // success or failure; "": it did not end
	Seconds float64         `json:"seconds"`
	Steps   map[string]step `json:"steps"` // those with an id, by it

	began  time.Time
	log    *os.File
	report document
}

// step is what one step of a job has left.
type step struct {
	Outputs map[string]string `json:"outputs"`
	Summary string            `json:"-"`
	Masked  int               `json:"masked"` // values that it asked the runner to hide
}

// document is what the tool's JSON document says.
type document struct{ Verb, Phase, Result, Digest string }

// transcript reads what act prints, keeps the log of each job as text, and notes what the jobs have left. No secret gets
// into a log, and where one would have is noted.
type transcript struct {
	rehearse.Lines
	dir    string
	hidden []string
	told   func(*job, entry)
	called func(entry) string // the name of an entry's job; "": no job's
	jobs   []*job
	leaks  []string
	errs   []error
}

func newTranscript(dir string, hidden []string) *transcript {
	t := &transcript{dir: dir, hidden: hidden, told: func(*job, entry) {}, called: calling}
	t.Each = t.line
	return t
}

// calling is the job of the outermost workflow: behind it stand the workflow and the job that it calls.
func calling(e entry) string {
	name, _, _ := strings.Cut(e.Job, "/")
	return name
}

func (t *transcript) line(line []byte) {
	e := entry{}
	if err := json.Unmarshal(line, &e); err != nil {
		e.Message = string(line)
	}
	name := t.called(e)
	if name == "" {
		name = "act"
	}
	j := t.job(name)
	where := fmt.Sprintf("job %s, step %s", name, e.name())
	e.Content, e.Message = t.hide(where, e.Content), t.hide(where, e.Message)
	if e.Command != "add-mask" { // its argument is a secret, and the runner does not show it
		e.Arg = t.hide(where, e.Arg)
	}
	j.note(e)
	if _, err := fmt.Fprintln(j.log, strings.TrimRight(e.Message, "\n")); err != nil {
		t.errs = append(t.errs, err)
	}
	t.told(j, e)
}

// job finds a job by its name, or begins it.
func (t *transcript) job(name string) *job {
	for _, j := range t.jobs {
		if j.Name == name {
			return j
		}
	}
	log, err := os.Create(filepath.Join(t.dir, fmt.Sprintf("%02d-%s.log", len(t.jobs), name)))
	t.errs = append(t.errs, err)
	j := &job{Name: name, Steps: map[string]step{}, began: time.Now(), log: log}
	t.jobs = append(t.jobs, j)
	return j
}

// hide takes every secret out of a text and notes that there was one.
func (t *transcript) hide(where, text string) string {
	for _, secret := range t.hidden {
		if strings.Contains(text, secret) {
			t.leaks = append(t.leaks, where)
			text = strings.ReplaceAll(text, secret, "***")
		}
	}
	return text
}

// close ends the logs.
func (t *transcript) close() error {
	errs := t.errs
	for _, j := range t.jobs {
		errs = append(errs, j.log.Close())
	}
	return errors.Join(errs...)
}

// note keeps what an entry says of a job and of its steps' main work.
func (j *job) note(e entry) {
	if e.JobResult != "" {
		j.Result, j.Seconds = e.JobResult, seconds(time.Since(j.began))
	}
	if e.Stage != mainStage || e.id() == "" {
		return
	}
	s := j.Steps[e.id()]
	switch e.Command {
	case "set-output":
		if s.Outputs == nil {
			s.Outputs = map[string]string{}
		}
		s.Outputs[e.Name] = e.Arg
	case "summary":
		s.Summary = e.Content
	case "add-mask":
		s.Masked++
	default:
		return
	}
	j.Steps[e.id()] = s
}
