// Package e2e holds the tests on two real clusters: the whole road of the demo's plan and the way back of each of its
// phases, under load. They run the built tool as a CI job does and judge it by what clients get and by what the clusters
// hold. They link nothing of the tool. They need root, a machine without a lab, and CUTOVER_E2E=1.
package e2e
