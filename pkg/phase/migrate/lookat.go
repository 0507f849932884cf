package migrate

import (
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/labels"

	"cutover.dev/cutover/pkg/plan"
	"cutover.dev/cutover/pkg/probe"
)

// lookAt is a hint: what to look at in an environment, as commands for who has its kubeconfig.
func lookAt(env, ns string, commands ...string) string {
	for i, c := range commands {
		commands[i] = "kubectl -n " + ns + " " + c
	}
	return "look in " + env + ": " + strings.Join(commands, "; ")
}

// logsOf is the command that shows what a workload says.
func logsOf(ref plan.Ref) string {
	return "logs " + strings.ToLower(ref.Kind) + "/" + ref.Name + " --all-containers"
}

// neverCured is what the facts say of pods that more time does not help; what their makers say is FailedCreate.
var neverCured = []string{"ImagePull", "ErrImage", "InvalidImageName", "CrashLoopBackOff", "CreateContainerConfigError", "CreateContainerError"}

// whyNotReady is what to look at where a workload's pods do not become ready, by the facts that are known of them, and that they may
// have longer, unless no time cures what is seen. A FailedCreate counts only where no pod waits: it may be an old one.
func whyNotReady(env string, ref plan.Ref, pods map[string]string, facts []string) string {
	seen := func(begin, what string) bool {
		return slices.ContainsFunc(facts, func(f string) bool { return strings.HasPrefix(f, begin) && strings.Contains(f, what) })
	}
	match := "-l " + labels.SelectorFromSet(pods).String()
	hint := lookAt(env, ref.Namespace, "describe pods "+match, "logs "+match+" --all-containers")
	vain := slices.ContainsFunc(neverCured, func(reason string) bool { return seen("pod ", " waits: "+reason) })
	if !seen("pod ", "") {
		hint = lookAt(env, ref.Namespace, "get events --field-selector type=Warning", "describe "+strings.ToLower(ref.Kind)+"/"+ref.Name)
		vain = seen("event ", ": FailedCreate: ")
	}
	if vain {
		return hint
	}
	return hint + "; where they only need longer, raise windows.ready"
}

// whyWrong is what to look at where a unit's pods went, or answer otherwise than old did.
func whyWrong(env string, u unit) string {
	ns := u.Refs[0].Namespace
	commands := []string{"get pods -o wide", "get events --sort-by=.lastTimestamp"}
	for _, ref := range u.Refs {
		if ref.Namespace == ns {
			commands = append(commands, logsOf(ref))
		}
	}
	return lookAt(env, ns, commands...)
}

// whySlower is what to look at where a unit answers well, and slower than the plan allows.
func whySlower(env string, u unit) string {
	return lookAt(env, u.Refs[0].Namespace, "top pods", logsOf(u.Refs[0])) +
		"; what it calls may be further away than from old; how much slower it may be is probe.latency"
}

// byItself: what was answered badly was answered by new itself, not by way of the bridge, because the swap is not obeyed yet, nor
// is it the control that has to come that way.
func (m wave) byItself(l *probe.Ledger, u unit) bool {
	if len(l.Bad) == 0 || l.Bad[0].Class != probe.Answered || l.Bad[0].Via != "" {
		return false
	}
	return !slices.ContainsFunc(m.controls(u), func(c probe.Target) bool { return c.Label() == l.Bad[0].Target })
}
