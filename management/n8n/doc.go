// Package n8n makes, lists, rotates, verifies and deletes the API keys of an
// n8n, over the interface that its own web page uses: n8n has no public one for
// that. It is the one place that knows this interface, which is not promised
// and has changed often; wherever the shape of an answer can tell, it counts
// and not the version.
//
//	client.go    what is kept of each connection between calls
//	call.go      a call in the name of the account; what an answer means
//	session.go   one login, shared; the cookie in hand; one new login when it ends
//	key.go       create, list, rotate, delete, in both shapes
//	verify.go    five outcomes, with nothing of ours in the request
//	instance.go  what the instance says of itself, and what it lacks
//
// # What it promises
//
//   - A create is sent once. When it is not known whether it arrived
//     ([credence/management/remote.Error.Uncertain]), [Client.Find] by its label
//     tells; a label that nobody can guess makes that safe.
//   - One login at a time and at most one in [LoginPause], over all who share
//     the [Sessions]; a refused credential is not tried again until somebody
//     asks for it ([Client.Check]). Five logins in a minute would lock out the
//     account's owner too.
//   - The end of a session costs one login and one repetition, never a loop.
//   - The secret of a key is in the answer to its create or rotation, and in no
//     error, whatever the other side answers.
//   - A verification sends the key and nothing else: no cookie, no credential.
//
// # What happens when things fail
//
// Errors are those of package remote. [credence/management/remote.EndpointMissing]
// is said of an n8n that is ready and lacks something; of one that is
// starting, [credence/management/remote.Unavailable]; of another program,
// [credence/management/remote.UnexpectedAnswer].
//
// # Versions
//
// 1.123 and 2.x are supported; what is older is refused. Up to 2.0 two keys of
// an account that are made in the same second with the same end are the same
// text, which n8n refuses with the words for a label that is taken; so creates
// there keep 1.1 seconds apart, and such a refusal is looked into before it is
// believed.
package n8n
