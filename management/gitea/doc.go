// Package gitea is the client for the access tokens of Gitea and Forgejo users:
// it makes, lists, deletes and verifies them over the server's API. It keeps no
// record of them; the use-cases do.
//
// # How it proves itself
//
// The endpoints for tokens accept HTTP Basic only. An account that is site
// administrator acts for another user by naming it in the path; the password
// in Basic may be an access token of that account, which is what a connection
// should hold: it survives a second factor, shows no password, and can be taken
// back by itself.
//
// # What is promised
//
//   - A token is made by one request, which is never repeated. When the answer
//     is lost, [remote.Error.Uncertain] says so: the token may exist, with a
//     secret that nobody holds.
//   - Tokens are deleted by id, never by name: Gitea reads a name such as 0x10
//     as an id. One that is gone already is a success; a 404 of anything but the
//     API of Gitea is not.
//   - A list is whole: every page was read, by the number that the server
//     states, and each id is there once.
//   - Verifying sends the token and nothing else, and answers one of five
//     outcomes; where nobody can say, the outcome is unknown, never invalid.
//   - Scopes are answered as the server states them, in canonical order.
//   - A secret is in the answer to Create and nowhere else: not in errors, not
//     in what is remembered.
//
// # When it fails
//
// Errors are [*remote.Error]; judge.go is the table of what Gitea answers.
//
// # Who may import it
//
// The use-cases, and package main, which makes the client.
package gitea
