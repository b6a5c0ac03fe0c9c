// Command check is behind `make bench`: it measures what a Check costs, next
// to the least that any gRPC ext_authz server can cost.
//
// Method. Every server is a process of its own: a no-op server with the
// generated types as grpc-go comes ("noop"), the same one tuned as ours is
// ("noop tuned"), and credence with keys in its database and in its cache: the
// data plane alone on PostgreSQL ("extauthz"), and everything in one process on
// SQLite ("serve").
// A round drives one server with a closed loop (connections x calls at
// a time) and reads how much processor time the kernel has charged to the
// server in that round, divided by the calls that it answered. Rounds
// alternate between the servers, because the machine is not the same from one
// second to the next; the middle one of the rounds counts. Behind Envoy the
// same is done with HTTP clients, and Envoy's own processor time is read too.
//
// Only ratios of one run mean anything elsewhere: absolute times are those of
// the machine. Nothing here fails because something was slow; it fails when a
// server answers something else than what is measured.
package main
