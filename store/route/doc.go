// Package route says which route policy a request is for, by rules of host,
// path and method that are kept on our side: for proxies that cannot say it
// themselves. It is pure: both planes use it, the data plane to decide, the
// control plane to refuse ambiguous rules and to explain.
//
// # Which rule wins
//
// The most specific one, and no two rules are as specific for one request:
//
//	host    "api.example.com", then "*.example.com" (the longer the better), then any
//	path    "/a/b", then "/a/b/*", "/a/*" (the longer the better), then any
//	method  "GET", then any
//
// in this order: a rule that names the host wins over each that does not,
// whatever their paths. Two policies with the same rule are refused when the
// table is made ([New]).
//
// # What is not guessed
//
// A request that falls from a strict rule to a lax one because it is spelled
// oddly has got around the strict one. So where a host, a path or a method
// would have to be looked at, a request in which it can be read in two ways is
// [Unclear], and denied:
//
//   - a host that is none, where any rule names one;
//   - a path that is not strict ([PlainPath]);
//   - a request that a rule of another policy would get, more specific than
//     the one it does get, but for letter case, an escape that stands for a
//     plain character, a slash at the end, or the letter case of its method.
package route
