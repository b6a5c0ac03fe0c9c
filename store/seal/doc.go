// Package seal encrypts what must be readable again: audit details now,
// credentials for other systems later. It also holds the key that signs
// checkpoints of the audit log. Only the control plane has it; the data plane
// never does.
//
// # Sealing
//
// [Keyset.Seal] is AES-256-GCM of Tink, with a random nonce for each text and
// the id of its key in front. The caller says what the text belongs to (for an
// audit entry: table, namespace and sequence); that "associated data" is not
// stored, but a text opens only where the same is said again. So a sealed text
// cannot be moved to another entry, nor changed, nor cut: [Keyset.Open] answers
// [ErrSealBroken] and no plaintext at all.
//
// # Signing
//
// [Keyset.Sign] and [Keyset.Verify] are Ed25519 of Tink, likewise with the id
// of the key in front.
//
// # keyset.json
//
//	{
//	  "version": 1,
//	  "deployment": "<32 bytes, base64>",
//	  "sealing": {"primaryKeyId": 1, "key": [...]},
//	  "signing": {"primaryKeyId": 2, "key": [...]}
//	}
//
// "sealing" and "signing" are cleartext Tink keysets in Tink's own JSON form.
// Each has one primary key, which seals or signs, and any number of older ones
// (at most [MaxKeys]), which still open or verify. Rotating therefore rewrites
// nothing: a keyset that gains a key and a new primary still reads all there
// is. Keys of other kinds than AES-256-GCM and Ed25519, and keys without an id
// in front of their output, are refused at loading.
//
// With "kms", the URI of a key of a key management service, "sealing" and
// "signing" are encrypted by that key (Tink's form of encrypted keysets): the
// file alone opens nothing. Whoever loads it says how the key is found
// ([Masters]); package credence/store/kms knows the services. What a service
// says is told with the error, and a keyset is written only when the service
// has opened again what it encrypted. [Keyset.Grown] and [Keyset.Promoted] are
// the two steps of rotating.
//
// "deployment" is random, made once and never rotated; [Keyset.Fingerprint],
// by which a database knows its keyset, is derived from it alone.
//
// The file is refused, with an error that names it and the remedy, when it is
// lost, cut short, not strict JSON, or usable by others than its owner and group
// (package secretfile). A lost keyset makes sealed details unreadable for good:
// it belongs into the backup, apart from the database.
//
// A Keyset is safe for use by many goroutines and shows nothing of itself when
// printed. The package imports the standard library, Tink and
// credence/store/secretfile.
package seal
