// Package ready tells whether a live object is what its spec asks for, and if not, what is missing, kind by kind. Its
// answers are phase.States: Done, Settling (not yet) and Failed (waiting will not help).
//
// Only what the object itself says counts, and only if its controller has seen the newest spec. Nothing here asks a
// cluster except Why, which collects facts for a message and concludes nothing.
package ready
