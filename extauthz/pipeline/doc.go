// Package pipeline is the decision: a request goes in, a [Decision] comes
// out. It knows no transport and no backend; what it needs of the world are
// the small interfaces in ports.go, and time comes in as an argument.
//
// The stages, in order, each in the file of its name (read is the route's
// policy, route_policy.go):
//
//	read > client > blacklist > address limit > extract > verify > state
//	     > authorize > limit > end
//
// A refusal is a value ([Reason]); an error inside a stage becomes the reason
// [ReasonUnavailable], which denies. The last line of Decide denies.
//
// # What is promised
//
//   - A request is allowed only by one credential, found in one place, whose
//     key is in force at the one instant that the clock was read, is admitted
//     by the route and by its own bounds, and was charged to all its limits.
//     The exception is a route that says anonymous=allow, for requests without
//     any credential.
//   - Nothing that a client can write loosens anything: route policies come
//     from the proxy's configuration or, where that says nothing, from stored
//     rules of host, path and method, which a request that is spelled oddly
//     does not get around (package store/route); the client's address comes
//     from the one configured source.
//   - What could be read in two ways is refused, not guessed: two credentials,
//     odd paths, odd hosts, lists of addresses, unknown words in a policy.
//   - A cached key costs no lock and no allocation here.
//   - Key text is compared in constant time, against a hash of nobody where
//     there is no key, and leaves Decide in no field of the Decision.
//
// # When something fails
//
//	store away, key cached        decided as always
//	store away, key not cached    unavailable, with Decision.Failure
//	limiter cannot count          unavailable, with Decision.Failure
//	no client address             bad_client_address where an address is asked for:
//	                              address limit, failure budget, any blacklist rule;
//	                              network_not_allowed where the key names networks
//	policy with an unknown word   bad_route_policy, also in shadow mode; so is
//	or name                       the name of a stored policy that there is not
//	rules by host and path exist  route_not_allowed, also in shadow mode
//	and the request is unclear
//	stored policies not read yet  unavailable, with Decision.Failure
//	port panics                   the Decision says internal; the transport recovers
//
// A route in shadow mode lets pass what it would have refused, except for what
// could not be read or judged and for blacklisted clients ([Decision.Allowed]).
package pipeline
