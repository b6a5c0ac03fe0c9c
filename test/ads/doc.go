// Package ads is an xDS server for tests: it serves listeners, routes,
// clusters, endpoints and secrets to a real Envoy over one aggregated stream,
// as the control plane of a gateway does.
//
// [Read] takes resources from files as they lie in envoy/xds, [Translated]
// from what egctl prints. Both decode strictly: a field that Envoy's API does
// not have, a value that its rules forbid, or an extension that is not known
// here is an error that names it, however deep it lies. [Resources.Rewire]
// puts the loopback addresses of a test in; nothing else is changed.
//
// [Server.Serve] replaces everything at once, with a version of its own, and
// refuses sets that do not fit together (a route or endpoints that nothing
// asks for, or that are missing). What Envoy refuses is kept and told by
// [Server.Refused]. Serving itself is go-control-plane's cache and server.
package ads
