package credential

import (
	"crypto/sha256"
	"crypto/subtle"
)

// Digest is the SHA-256 of a key text. It finds the key in caches and is
// never shown.
type Digest [32]byte

// Hash is what the store holds: the digest, or HMAC-SHA-256(pepper, digest)
// when a pepper is configured.
type Hash [32]byte

// DigestOf is the digest of a key text or an admin token text. The caller has
// bounded the text: see [WellFormed].
func DigestOf(text []byte) Digest { return sha256.Sum256(text) }

// Minted reports whether this deployment minted the text: its structure is
// ours and its checksum is right under a valid secret. All secrets are tried
// each time, so the time taken does not tell which one fitted.
func (s *Secrets) Minted(text []byte) bool {
	body, sum, ok := split(text)
	if !ok {
		return false
	}
	h := s.hashers.take()
	right := 0
	for i := range s.checksums {
		right |= equalSum(s.checksums[i].mac.checksum(h, body), sum)
	}
	s.hashers.giveBack(h)
	return right == 1
}

// Hash is what the store is to hold for a key of this digest, and the id of
// the pepper that made it; "" when no pepper is current.
func (s *Secrets) Hash(d Digest) (hash Hash, pepperID string) {
	if s.pepper < 0 {
		return Hash(d), ""
	}
	current := &s.peppers[s.pepper]
	h := s.hashers.take()
	hash = current.mac.sum(h, d[:])
	s.hashers.giveBack(h)
	return hash, current.id
}

// Candidates appends to dst every hash under which the store may hold the
// digest: under each pepper, and under none. With dst of capacity
// [MaxCandidates] it allocates nothing.
func (s *Secrets) Candidates(d Digest, dst []Hash) []Hash {
	h := s.hashers.take()
	for i := range s.peppers {
		dst = append(dst, s.peppers[i].mac.sum(h, d[:]))
	}
	s.hashers.giveBack(h)
	return append(dst, Hash(d))
}

// Matches reports whether hash is that of d under any pepper or none. It
// takes the same time whatever hash is.
func (s *Secrets) Matches(d Digest, hash Hash) bool {
	equal := subtle.ConstantTimeCompare(d[:], hash[:])
	h := s.hashers.take()
	for i := range s.peppers {
		candidate := s.peppers[i].mac.sum(h, d[:])
		equal |= subtle.ConstantTimeCompare(candidate[:], hash[:])
	}
	s.hashers.giveBack(h)
	return equal == 1
}
