package hub

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/google/go-github/v82/github"
)

const forComments = "pull-requests: write"

// Keep keeps one comment under a pull request. The one that begins with marker and that the owner of the token wrote gets
// the text body, which begins with marker too; without one it is written. Further ones, of two runs that met here, are
// deleted: an old text must not stand beside the new one. It returns the address of the comment.
func (c *Client) Keep(ctx context.Context, r Run, number int, marker, body string) (string, error) {
	ours, err := c.comments(ctx, r, number, marker)
	if err != nil {
		return "", fmt.Errorf("read the comments of pull request %d: %w", number, err)
	}
	if len(ours) == 0 {
		made, _, err := c.github.Issues.CreateComment(ctx, r.Owner, r.Repo, number, &github.IssueComment{Body: &body})
		if err != nil {
			return "", fmt.Errorf("comment on pull request %d: %w", number, explain(err, forComments))
		}
		return made.GetHTMLURL(), nil
	}
	kept, _, err := c.github.Issues.EditComment(ctx, r.Owner, r.Repo, ours[0].GetID(), &github.IssueComment{Body: &body})
	if err != nil {
		return "", fmt.Errorf("change the comment on pull request %d: %w", number, explain(err, forComments))
	}
	for _, more := range ours[1:] {
		if _, err := c.github.Issues.DeleteComment(ctx, r.Owner, r.Repo, more.GetID()); err != nil && status(err) != http.StatusNotFound {
			return kept.GetHTMLURL(), fmt.Errorf("delete the second comment on pull request %d: %w", number, explain(err, forComments))
		}
	}
	return kept.GetHTMLURL(), nil
}

// comments finds on all pages what begins with marker and is by the owner of the token, oldest first. Anybody can write a
// marker, and whoever owns a comment can rewrite it after us: then it would show a plan that nobody made.
func (c *Client) comments(ctx context.Context, r Run, number int, marker string) ([]*github.IssueComment, error) {
	var ours []*github.IssueComment
	var mine func(*github.User) bool
	o := &github.IssueListCommentsOptions{ListOptions: github.ListOptions{PerPage: 100}}
	for {
		page, answer, err := c.github.Issues.ListComments(ctx, r.Owner, r.Repo, number, o)
		if err != nil {
			return nil, explain(err, forComments)
		}
		for _, comment := range page {
			if !strings.HasPrefix(comment.GetBody(), marker) {
				continue
			}
			if mine == nil {
				if mine, err = c.owner(ctx); err != nil {
					return nil, err
				}
			}
			if mine(comment.User) {
				ours = append(ours, comment)
			}
		}
		if answer.NextPage == 0 {
			return ours, nil
		}
		o.Page = answer.NextPage
	}
}

// owner tells the owner of the token from others. A job's own token and that of an app may not ask who they are: theirs is
// what a bot wrote, since no person can write as one.
func (c *Client) owner(ctx context.Context) (func(*github.User) bool, error) {
	me, _, err := c.github.Users.Get(ctx, "")
	switch {
	case err == nil:
		return func(u *github.User) bool { return strings.EqualFold(u.GetLogin(), me.GetLogin()) }, nil
	case status(err) == http.StatusForbidden:
		return func(u *github.User) bool { return u.GetType() == "Bot" }, nil
	}
	return nil, fmt.Errorf("ask whose the token is: %w", explain(err, forComments))
}
