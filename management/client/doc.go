// Package client is the management API seen from outside: its wire types, its
// errors, and one typed method per operation.
//
// The wire types are the contract. Package api serves exactly these structs
// (their tags name the path, query and header parameters and document the
// fields), and the methods in operations_gen.go are generated from the
// operation table of package api by `go generate ./management/api`, so that
// client and server cannot drift apart.
//
// # What a call promises
//
// One call is one HTTP request: nothing is retried behind the caller's back.
// The answer is read up to a bound, redirects are refused (a redirect would
// carry the admin token to another server), proxies of the environment are
// not used, and the token is never sent over plain HTTP to a host that is not
// loopback unless the caller said so.
//
// A call ends with the object; or with an [*Error], what the server said of a
// request it did not fulfil; or with an error that wraps [ErrUnreachable],
// when no answer arrived.
//
// # Who may import it
//
// management/api and management/cli, and programs that use the API. It
// imports the standard library and store/credential (the secret type of the
// token), and neither the API's server nor the CLI.
package client
