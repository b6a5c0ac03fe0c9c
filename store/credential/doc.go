// Package credential is the key text: how it is minted, recognised, digested
// and compared. It is the only package that looks into key text.
//
// # Key text
//
//	crd_live_ + 43 base62 characters + 6 base62 characters
//	prefix_environment_  random        checksum
//
// The 43 characters are drawn one by one and without bias (bytes of 248 and
// more are drawn again), so they hold 43 x log2(62) = 256.03 random bits. The
// checksum is HMAC-SHA-256 under a checksum secret of the deployment over
// everything before it, its first 64 bits reduced to 6 base62 characters.
// It proves to us, and to nobody else, that we minted the text: anything else
// is refused without a look-up, except one guess in 62^6 (5.7 x 10^10), which
// then meets a look-up by 256 bits. The checksum does not authenticate anyone.
//
// Text of any other origin ("foreign") has no structure that we know: it is
// [WellFormed] when it has 1 to [MaxTextSize] characters of the alphabet that
// RFC 6750 allows in a bearer token. That excludes the comma, by which proxies
// join repeated headers, and every blank.
//
// An admin token is crdadm_ + 43 + 6 characters. Its checksum is a plain
// SHA-256, so that a typing error or a cut is found without any secret;
// therefore no key may have the prefix "crdadm".
//
// # Digest and hash
//
// The store finds a key by its [Hash]: the SHA-256 of the text ([Digest]), or
// HMAC-SHA-256(pepper, digest) when a pepper is configured. Plain SHA-256 is
// enough because the text has 256 random bits; the pepper protects imported
// texts that have fewer.
//
// # secrets.json
//
//	{
//	  "version": 1,
//	  "deployment": "<32 bytes, base64>",
//	  "checksum": {"current": "chk_...", "secrets": [{"id": "chk_...", "secret": "<32 bytes, base64>"}]},
//	  "pepper": {"current": "", "secrets": []},
//	  "snapshot": "<32 bytes, base64>"
//	}
//
// One to four checksum secrets are valid; the current one mints. To rotate it,
// add a secret with a new id, give the file to every process, then make it the
// current one, and remove the old one when no live key names it: each key row
// says which secret minted it. Peppers rotate the same way; none is needed,
// and with no current one new keys are stored without a pepper while the ones
// listed are still tried. A secret is made with: openssl rand -base64 32.
//
// "deployment" is random, made once and never rotated. The fingerprint by which
// a database knows its secrets ([Secrets.Fingerprint]) is derived from it
// alone, so it stays the same while all other secrets change.
//
// The file is refused, with an error that names it and the remedy, when it is
// lost, cut short, not strict JSON, or usable by others than its owner and group
// (package secretfile).
//
// # Promises
//
// [Secrets.Minted], [DigestOf], [Secrets.Hash] and [Secrets.Matches] allocate
// nothing and are safe for use by many goroutines. Secrets, checksums and
// hashes are compared in constant time and always against all candidates. A
// [Text] shows itself by [Text.Reveal] alone. No error of this package contains
// key text or a secret.
//
// The package imports the standard library and credence/store/secretfile.
package credential
