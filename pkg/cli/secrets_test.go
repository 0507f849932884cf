package cli

import (
	"strings"
	"testing"

	"cutover.dev/cutover/pkg/report"
)

// Neither a comment nor a file that somebody keeps is looked through by the runner.
func TestASecretThatGotIntoADocumentIsHiddenEverywhere(t *testing.T) {
	c := &call{}
	for _, secret := range []string{"s3cr3t_t0k3n", "s3cr3t_t0k3n_longer", "first line\nsecond line of it", `with "quotes" and \`, "12345678", "short"} {
		c.mask([]string{secret})
	}
	text := "a s3cr3t_t0k3n_longer b s3cr3t_t0k3n c second line of it d with \"quotes\" and \\ e 12345678 f short"
	d := c.hide(report.Document{Verb: "plan", Plan: "shop", Seconds: 12345678, Steps: []report.Step{{ID: text, Diff: text}}, Error: &report.Failure{Message: text, Hints: []string{text}, Code: 7}})
	const want = "a *** b *** c *** d *** e *** f short"
	if d.Steps[0].ID != want || d.Steps[0].Diff != want || d.Error.Message != want || d.Error.Hints[0] != want || d.Seconds != 12345678 || d.Plan != "shop" {
		t.Errorf("%+v %+v", d, d.Error)
	}
	if text := report.Comment(d, "", ""); strings.Contains(text, "t0k3n") {
		t.Error(text)
	}
}
