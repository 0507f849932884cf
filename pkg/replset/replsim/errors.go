package replsim

import "fmt"

// Error is what the server answers.
type Error struct {
	Code    int
	Name    string
	Message string
	Written bool // of an insert: the write is there, but was not acknowledged as the client wished
}

func (e *Error) Error() string { return fmt.Sprintf("%d %s: %s", e.Code, e.Name, e.Message) }

// Network is the code of no answer at all: the call may have had an effect.
const Network = 0

var errNetwork = &Error{Code: Network, Name: "Network", Message: "no answer"}

// names are the server's, by code.
var names = map[int]string{
	2: "BadValue", 13: "Unauthorized", 26: "NamespaceNotFound", 50: "MaxTimeMSExpired", 59: "CommandNotFound", 64: "WriteConcernFailed",
	74: "NodeNotFound", 76: "NoReplicationEnabled", 93: "InvalidReplicaSetConfig", 94: "NotYetInitialized", 95: "NotSecondary",
	103: "NewReplicaSetConfigurationIncompatible", 104: "NodeNotElectable", 109: "ConfigurationInProgress",
	117: "ConflictingOperationInProgress", 189: "PrimarySteppedDown", 262: "ExceededTimeLimit", 308: "CurrentConfigNotCommittedYet",
	23: "AlreadyInitialized", 10107: "NotWritablePrimary", 11602: "InterruptedDueToReplStateChange", 13435: "NotPrimaryNoSecondaryOk",
}

func fail(code int, format string, args ...any) *Error {
	return &Error{Code: code, Name: names[code], Message: fmt.Sprintf(format, args...)}
}
