// Package signature is the signature of Standard Webhooks: made for the
// deliveries of Credence, and checked by who receives them.
//
//	webhook-id         of the event; the same in every delivery of it
//	webhook-timestamp  when it was sent, in seconds since 1970
//	webhook-signature  v1,BASE64 of HMAC-SHA-256 over "ID.TIMESTAMP.BODY"
//
// While a secret is rotated there are two signatures, parted by a space; one
// that fits is enough.
//
// # What is promised
//
// Secrets print as a placeholder. [Verify] compares in constant time, and
// refuses what was sent too long ago or too far ahead, so that what somebody
// has recorded cannot be sent again for ever.
//
// # Who may import it
//
// Whoever sends, and the command line, which receives for development. It
// imports nothing of this module.
package signature
