package credential

// Digest is the SHA-256 of a key text. It finds the key in caches and is
// never shown.
type Digest [32]byte

// Hash is what the store holds: the digest, or HMAC-SHA-256(pepper, digest)
// when a pepper is configured.
type Hash [32]byte
