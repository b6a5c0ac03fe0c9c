// Package doctor looks at a Check server from an Envoy's side and says what is
// wrong. It is what stands behind `credence doctor`.
//
// It walks the path that a Check of Envoy's takes, and asks at each step what
// that step alone can answer:
//
//	dns        which addresses has the name? Each of them is examined.
//	connect    does anybody listen there?
//	transport  what is spoken there: HTTP/2, HTTP/1, TLS? Is the certificate
//	           trusted, valid now, and of this name; is one of ours wanted?
//	health     does the server say that it serves?
//	check      does it answer a Check, and with a key the right way?
//
// A step that fails ends the walk for that address. The transport is examined
// with bare connections and not through gRPC, which hides most of these
// mistakes behind one word, "unavailable".
//
// What cannot be seen from there is read from the status ports, if they are
// known, before the first Check of ours is counted: whether the process is
// ready, what its clock says (the Date of HTTP, whole seconds, so a deviation
// of less is not found), whether it reads the change feed and how its revision
// compares with that of the others, and what became of the Checks so far. When
// all of those ended the same way, the cause is in front of it: no credential
// ever arrives, calls lack the secret, or what knocks is no HTTP/2. The Check
// of an examination without a key is one for a route that needs none, so that
// it is not taken for such a request by the next.
//
// Every finding has a stable word for scripts, what was observed, why it
// matters and what to do, with the lines for Envoy where there are some. A
// finding is a value; errors are mistakes on the command line. Nothing here
// changes anything, except that the Checks count as Checks do. Key text and
// call secret leave the process with a Check only, after everything about the
// transport was well, and stand in no finding.
package doctor
