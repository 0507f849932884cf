// Package kube is how the rest of the program talks to the two clusters: a client, a watch-backed view to read from,
// conditional writes, and the constructor of most object steps.
//
// Reading. Get and List answer from a view: one informer per kind and namespace, started on first use. A view is
// believed only when all of this holds:
//
//   - it holds a full, consistent list (resourceVersion "", so never an API server's old cache), and its watch has run
//     without a break since; whatever ends the watch, the next one begins with a full list again, because a watch that
//     was resumed does not say when it has caught up;
//   - its stream showed a sign of life (an event or a bookmark, which the API server sends about once a minute) within
//     quiet;
//   - the API server answered some request within fresh, otherwise it is asked first.
//
// In any other case the question goes to the API server itself, and when that has no answer either the error has code
// fault.Unsure. So a "yes" is never older than fresh, and a server that is gone is never a yes. Unauthorized and
// Forbidden are final: code fault.Refused, because waiting changes nothing; only after a login program of the kubeconfig
// gave another token is it asked once more. Secrets are viewed as metadata only.
//
// Writing. Every write is conditional: an absent object is created (never applied, which would overwrite what appeared
// in between), one of ours is applied server-side at the resourceVersion that was read, a JSON patch has its tests, a
// delete has the uid. phase.ErrMoved means that the condition did not hold and nothing was written. A write whose
// answer was lost is sent again only because of that condition; if the condition then fails, the object is looked at:
// as wanted is a success, anything else an error, but never phase.ErrMoved, because it may have been written.
//
// The package must not decide what is wanted, must not import a phase, and never puts a credential or the data of a
// Secret into an error, a diff or a snapshot.
package kube
