package cli

import (
	"context"
	"fmt"
	"strings"

	"cutover.dev/cutover/pkg/plan"
	"cutover.dev/cutover/pkg/report"
)

// validate checks a plan without any cluster.
func validate(_ context.Context, c *call) error {
	p, err := c.load()
	if err != nil {
		return err
	}
	c.publish(report.Document{Verb: "validate", Result: "done", Plan: p.Metadata.Name}, true)
	if c.flags.Output == "json" {
		return writeJSON(c.stdout, struct {
			Plan   string   `json:"plan"`
			Digest string   `json:"digest"`
			Phases []string `json:"phases"`
		}{p.Metadata.Name, p.Digest(), p.Phases()})
	}
	_, err = fmt.Fprintf(c.stdout, "plan %s is valid\ndigest %s\nphases %s\n", p.Metadata.Name, p.Digest(), strings.Join(p.Phases(), ", "))
	return err
}

// schema prints the JSON schema of a plan.
func schema(_ context.Context, c *call) error {
	b, err := plan.Schema()
	if err != nil {
		return err
	}
	_, err = c.stdout.Write(append([]byte(strings.TrimSpace(string(b))), '\n'))
	return err
}
