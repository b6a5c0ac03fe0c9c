// Package outage tests what becomes of a deployment when its PostgreSQL is
// away, silent, slow, read-only, full, restarted, or refuses a process: at the
// start, as errors that name the remedy, and under load, seen through a real
// Envoy, as the rows of the table in package extauthz. It also proves the
// receipts of several real replicas on PostgreSQL.
//
//	a line per plane (package link) > the outage > what each kind of request
//	is answered meanwhile > the outage ends > all is as before, by itself >
//	what was written is whole
package outage
