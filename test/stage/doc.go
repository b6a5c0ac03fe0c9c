// Package stage sets up what tests and benchmarks of several processes need:
// secrets, a migrated PostgreSQL database with one login for the control plane
// and one for the data plane, and the first admin token, all made by the real
// binary as docs/deployment.md says.
//
//	Prepare > Management, Replica (processes) > Client, Prober (who calls them)
//
// Nothing here belongs to a single test, so a program can use it: whoever
// calls stops the processes and the server.
package stage
