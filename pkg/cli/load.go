package cli

import (
	"cutover.dev/cutover/pkg/fault"
	"cutover.dev/cutover/pkg/plan"
)

// The variables that hold the kubeconfigs.
const (
	oldVariable = "CUTOVER_OLD_KUBECONFIG"
	newVariable = "CUTOVER_NEW_KUBECONFIG"
)

// load reads the plan that --plan names and sees that the files it names are there, from the folder of this process.
func (c *call) load() (*plan.Plan, error) {
	if c.flags.Plan == "" {
		return nil, fault.New(fault.Usage, "cutover "+c.verb.Name+" -h", "--plan is missing")
	}
	return plan.LoadFiles(c.flags.Plan, ".")
}
