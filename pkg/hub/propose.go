package hub

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/google/go-github/v82/github"

	"cutover.dev/cutover/pkg/fault"
)

const forProposals = "contents: write, pull-requests: write"

// Proposal is a change of one file that a person may merge.
type Proposal struct {
	Base, Commit string // the branch it is for, and the head of that branch which Text was made from
	Branch       string // its own
	Path         string // of the file, in the repository
	Text         []byte // of the whole file
	Title, Body  string // of the pull request. The commit says Title
	Ours         string // what the title of every proposal on this branch begins with
}

// File reads a file at the head of a branch, and says which commit that is.
func (c *Client) File(ctx context.Context, r Run, branch, path string) (text []byte, commit string, err error) {
	ref, _, err := c.github.Git.GetRef(ctx, r.Owner, r.Repo, "heads/"+branch)
	if err != nil {
		return nil, "", fmt.Errorf("read the head of %s: %w", branch, explain(err, forProposals))
	}
	commit = ref.GetObject().GetSHA()
	text, err = c.fileAt(ctx, r, commit, path)
	if status(err) == http.StatusNotFound { // the branch could be read, so it is not a right that is missing
		err = fault.Wrap(fault.Refused, "bring the plan back there, or run from where it is", fmt.Errorf("%s is not on %s any more", path, branch))
	}
	return text, commit, err
}

func (c *Client) fileAt(ctx context.Context, r Run, commit, path string) ([]byte, error) {
	file, _, _, err := c.github.Repositories.GetContents(ctx, r.Owner, r.Repo, path, &github.RepositoryContentGetOptions{Ref: commit})
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, explain(err, forProposals))
	}
	text := ""
	if err = errors.New("it is a folder"); file != nil {
		text, err = file.GetContent()
	}
	if err != nil {
		return nil, fault.Wrap(fault.Unsure, "", fmt.Errorf("read %s: %w", path, err))
	}
	return []byte(text), nil
}

// Propose brings the branch and its pull request to what p says, and returns the address of the pull request. One that is
// open is changed in place. Commits that somebody else put on the branch are not thrown away: then it refuses.
func (c *Client) Propose(ctx context.Context, r Run, p Proposal) (string, error) {
	if err := c.push(ctx, r, p); err != nil {
		return "", fmt.Errorf("bring the branch %s up to date: %w", p.Branch, err)
	}
	url, err := c.request(ctx, r, p)
	if err != nil {
		return "", fmt.Errorf("propose %s: %w", p.Branch, err)
	}
	return url, nil
}

// push makes the branch one commit on top of the base, unless it says the same already: who approved it need not do so again.
func (c *Client) push(ctx context.Context, r Run, p Proposal) error {
	ref, _, err := c.github.Git.GetRef(ctx, r.Owner, r.Repo, "heads/"+p.Branch)
	exists := err == nil
	if err != nil && status(err) != http.StatusNotFound {
		return explain(err, forProposals)
	}
	if exists {
		if same, err := c.says(ctx, r, p, ref.GetObject().GetSHA()); err != nil || same {
			return err
		}
	}
	sha, err := c.commit(ctx, r, p)
	if err != nil {
		return explain(err, forProposals)
	}
	if exists {
		_, _, err = c.github.Git.UpdateRef(ctx, r.Owner, r.Repo, "heads/"+p.Branch, github.UpdateRef{SHA: sha, Force: github.Ptr(true)})
	} else {
		_, _, err = c.github.Git.CreateRef(ctx, r.Owner, r.Repo, github.CreateRef{Ref: "refs/heads/" + p.Branch, SHA: sha})
	}
	if err != nil {
		return explain(err, forProposals)
	}
	return nil
}

// says reports whether the branch, whose head is given, has commits of ours alone and says what p says.
func (c *Client) says(ctx context.Context, r Run, p Proposal, head string) (bool, error) {
	all, _, err := c.github.Repositories.CompareCommits(ctx, r.Owner, r.Repo, p.Commit, head, &github.ListOptions{PerPage: 100})
	if err != nil {
		return false, explain(err, forProposals)
	}
	foreign := func(x *github.RepositoryCommit) bool { // a merge of the base has two parents, and nothing of its own
		return len(x.Parents) < 2 && !strings.HasPrefix(x.GetCommit().GetMessage(), p.Ours)
	}
	if i := slices.IndexFunc(all.Commits, foreign); i >= 0 {
		return false, fault.New(fault.Refused, "merge its pull request, or delete the branch",
			"somebody committed to the branch %s: %.12s", p.Branch, all.Commits[i].GetSHA())
	}
	if len(all.Commits) == 0 { // merged, or never more than the base
		return false, nil
	}
	text, err := c.fileAt(ctx, r, head, p.Path)
	return err == nil && bytes.Equal(text, p.Text), err
}

// commit makes a commit on top of the base. No branch has it yet.
func (c *Client) commit(ctx context.Context, r Run, p Proposal) (string, error) {
	base, _, err := c.github.Git.GetCommit(ctx, r.Owner, r.Repo, p.Commit)
	if err != nil {
		return "", err
	}
	tree, _, err := c.github.Git.CreateTree(ctx, r.Owner, r.Repo, base.GetTree().GetSHA(), []*github.TreeEntry{{
		Path: &p.Path, Mode: github.Ptr("100644"), Type: github.Ptr("blob"), Content: github.Ptr(string(p.Text)),
	}})
	if err != nil {
		return "", err
	}
	made, _, err := c.github.Git.CreateCommit(ctx, r.Owner, r.Repo, github.Commit{
		Message: &p.Title, Tree: tree, Parents: []*github.Commit{{SHA: &p.Commit}},
	}, nil)
	if err != nil {
		return "", err
	}
	return made.GetSHA(), nil
}

// request opens the pull request of the branch, or changes the one that is open.
func (c *Client) request(ctx context.Context, r Run, p Proposal) (string, error) {
	open, err := c.opened(ctx, r, p)
	if err != nil {
		return "", err
	}
	if open == nil {
		made, _, err := c.github.PullRequests.Create(ctx, r.Owner, r.Repo, &github.NewPullRequest{
			Title: &p.Title, Head: &p.Branch, Base: &p.Base, Body: &p.Body,
		})
		if err == nil {
			return made.GetHTMLURL(), nil
		}
		open = nil
		if status(err) == http.StatusUnprocessableEntity { // another run may have been first
			var asked error
			if open, asked = c.opened(ctx, r, p); asked != nil {
				return "", asked
			}
		}
		if open == nil {
			return "", explain(err, forProposals+"}, and GitHub Actions to be allowed to create pull requests {repository settings, Actions, General")
		}
	}
	changed, _, err := c.github.PullRequests.Edit(ctx, r.Owner, r.Repo, open.GetNumber(), &github.PullRequest{Title: &p.Title, Body: &p.Body})
	if err != nil {
		return "", explain(err, forProposals)
	}
	return changed.GetHTMLURL(), nil
}

// opened finds the open pull request of the branch, nil where there is none.
func (c *Client) opened(ctx context.Context, r Run, p Proposal) (*github.PullRequest, error) {
	o := &github.PullRequestListOptions{State: "open", Head: r.Owner + ":" + p.Branch, Base: p.Base, ListOptions: github.ListOptions{PerPage: 100}}
	for {
		page, answer, err := c.github.PullRequests.List(ctx, r.Owner, r.Repo, o)
		if err != nil {
			return nil, explain(err, forProposals)
		}
		for _, x := range page { // the filter may find a fork that has the same owner
			if x.GetHead().GetRef() == p.Branch && strings.EqualFold(x.GetHead().GetRepo().GetFullName(), r.Owner+"/"+r.Repo) {
				return x, nil
			}
		}
		if answer.NextPage == 0 {
			return nil, nil
		}
		o.Page = answer.NextPage
	}
}
