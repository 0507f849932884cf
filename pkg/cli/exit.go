package cli

import (
	"cutover.dev/cutover/pkg/fault"
)

// exitCodes is the part of every help text that says what the exit codes mean.
const exitCodes = `Exit codes:
  0    fine
  1    a bug, or something that nobody foresaw
  2    wrong flags, or an invalid plan
  3    a gate said no, and nothing was begun in this run
  4    failed after something was begun: the world changed; run it again to resume
  5    a rollback failed or is impossible: a person is needed
  6    another run holds the lock
  7    could not tell, and nothing was begun
  8    nothing is wrong: come back later
  130  stopped by a signal
`

func codeOf(err error) fault.Code { return fault.CodeOf(err) }
