// Package blacklist holds the blacklist rules of the store in memory and says
// in some tens of nanoseconds whether a client is refused.
//
// # The algorithm
//
// The rules stand in prefix tables, one for the global rules and one for each
// namespace that has any. Any rule that covers the address and has not ended
// refuses, also one that is shorter than the longest match: a rule for a /32
// that has ended must not hide the live one for the /8 around it. So that one
// longest-prefix match is enough at request time, each prefix carries the end
// of the last-ending rule among its own and all those around it, worked out
// when the table is built. Ends are judged by the clock of the request.
//
// The tables are an immutable snapshot behind an atomic pointer. A change
// reads the rules that it names and builds the tables of their namespaces
// anew, off the request path; many changes at once read everything anew.
//
// # What happens when things fail
//
//	not loaded yet          everybody is refused
//	store fails             the snapshot in use stays, the follower tries again;
//	                        the feed does not count as read, so the ceiling of
//	                        the key cache draws nearer
//	more rules than bound   the same, with an error that names the bound
//	client without address  refused as soon as one live rule exists: nobody can
//	                        say that it is outside of the refused network
package blacklist
