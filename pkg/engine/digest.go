package engine

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"

	"cutover.dev/cutover/pkg/fault"
)

// How many digits of a digest tell the plan, and how many more the phase. The rest covers both again, and the intents.
const (
	ofPlan  = 12
	ofPhase = 4
)

var digits = regexp.MustCompile(`^[0-9a-f]{64}$`)

// digestOf puts the digest together: what is asked of it later is not only whether it is the same, but what is not.
func digestOf(seed, phase string, all []byte) string {
	return hashed(seed)[:ofPlan] + hashed(phase)[:ofPhase] + hex.EncodeToString(all)[:2*sha256.Size-ofPlan-ofPhase]
}

func hashed(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

// Approved is nil if the digest of what would run is the approved one, or none was asked for. It is an ErrDigest otherwise, and an
// ErrUnsure too where there is no digest to compare: then lines name the steps that cannot tell what they would write.
func Approved(approved, is string, lines []Line) error {
	switch {
	case approved == "" || approved == is:
		return nil
	case is == "":
		return fmt.Errorf("%w: %w: %w", ErrDigest, ErrUnsure, unseen(lines))
	}
	return notApproved(approved, is)
}

// notApproved says whether the committed plan changed, or what the same plan comes to now, and what to do.
func notApproved(approved, is string) error {
	why := "the plan is the one that was approved, but the clusters drifted: it would change other things in them now (so would manifests that it names, or another version of cutover)"
	hint := "compare cutover plan with what was approved; undo what somebody changed, or have the new digest approved"
	switch {
	case !digits.MatchString(approved):
		why, hint = "what was given as approved is no digest", "cutover plan prints the digest: 64 digits"
	case approved[:ofPlan] != is[:ofPlan]:
		why, hint = "the plan changed: it is not the one that was approved", "check out the commit that was approved, or look at cutover plan and have its digest approved"
	case approved[ofPlan:ofPlan+ofPhase] != is[ofPlan:ofPlan+ofPhase]:
		why, hint = "the approval is for another phase of this plan", "give the digest that cutover plan --phase prints for this one"
	}
	return fault.Wrap(fault.Refused, hint, fmt.Errorf("%w: %s; digest is %s, approved was %s", ErrDigest, why, is, approved))
}
