// Package oidc lets people and programs use the management API with the token
// of an identity provider (OpenID Connect), beside admin tokens. [Authenticator]
// stands before the one of admin tokens and takes what has the form of a JWT.
//
// # What it promises
//
//   - Nobody is let in who is not meant: a token needs a configured issuer and
//     audience, a signature of an asymmetric algorithm that was allowed, a
//     time within its bounds, and a rule that matches. The first rule that
//     matches says role and namespaces; without one there is no access.
//   - A caller may do what an admin token of that role and those namespaces may
//     do, and no more: what comes out is the same [management.Actor].
//   - Issuers are asked for their signing keys in the background and cached. A
//     token can have at most one question asked in [pause], whatever its key id.
//   - An issuer that cannot be reached takes nothing else along: admin tokens
//     and other issuers go on, and its own tokens too for as long as its keys
//     are known, [keptFor] at most.
//   - Neither a token nor a claim of one whose signature was not verified is in
//     a log or an error.
//
// # What happens when things fail
//
// A token that is not usable is [management.CodeUnauthorized], the same for
// every reason; the log says which. When the keys of its issuer are not known,
// nobody can say, and that is [management.CodeIdentityProvider], which costs the
// address nothing. What is wrong with an issuer is a note in /readyz, a metric,
// and a log event when it begins and when it ends.
//
// # Who may import it
//
// Package main, which gives it the HTTP client of package outgoing.
package oidc
