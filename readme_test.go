package cutover_test

import (
	"os"
	"regexp"
	"testing"

	"cutover.dev/cutover/pkg/plan"
)

// People copy what the README shows.
func TestThePlanInTheReadmeIsValid(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	shown := regexp.MustCompile("(?s)```yaml\n(apiVersion: cutover.dev/.*?)```").FindSubmatch(readme)
	if shown == nil {
		t.Fatal("README.md shows no plan")
	}
	if _, err := plan.Decode("README.md", shown[1]); err != nil {
		t.Errorf("the plan in README.md: %v", err)
	}
}
