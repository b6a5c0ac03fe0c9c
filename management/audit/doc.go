// Package audit reads what the audit log holds: it proves that a chain of
// entries is whole, and opens sealed details.
//
// # What a chain proves
//
// Each entry carries the hash of the one before it and a hash over its own
// fields, sealed details included ([store.AuditEntry.ChainHash]). Recomputing
// them needs no key, so anybody can verify an export:
//
//   - a changed field: the entry's hash does not fit
//   - a changed field with its hash made anew: the next entry's previous hash
//     does not fit
//   - a removed, repeated or moved entry: the sequence does not go on
//   - an entry of another namespace: it is in the wrong chain
//
// What the entries alone cannot prove is where they end: whoever can write the
// database can cut entries off the end, or write the whole chain anew. Only a
// head that is kept elsewhere shows that; compare it with [Chain.Head].
//
// # When it fails
//
// [Verify] and [Chain.Next] answer a [*BrokenError] that names the first entry that
// does not fit. [Open] answers an error when the keyset does not hold the key
// of the entry, or the sealed details were changed or moved; it never answers
// a part of them.
package audit
