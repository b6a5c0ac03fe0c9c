// Package line is the data plane's way to its store, which can be down: because
// the store was not there yet when the process started, or because an operator
// rehearses an outage.
//
//	the parts of the data plane > Store > (connected? drilled?) > the database
//
// While it is down, every call ends at once in [store.ErrUnavailable], as from
// a server that refuses connections. Nothing else is different: what the parts
// do then is what they do in an outage.
package line
