package credential

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
)

// macKey computes HMAC-SHA-256 (RFC 2104) under one 32-byte secret.
//
// crypto/hmac would allocate two hash states for each message. Here both
// padded keys are made once, and each message is hashed from the stack: two
// calls of Sum256, no allocation, no pool, and no state shared by goroutines.
type macKey struct {
	inner, outer [sha256.BlockSize]byte
}

func newMACKey(secret [32]byte) macKey {
	var k macKey
	copy(k.inner[:], secret[:])
	copy(k.outer[:], secret[:])
	for i := range k.inner {
		k.inner[i] ^= 0x36
		k.outer[i] ^= 0x5c
	}
	return k
}

// sum is the HMAC of a message of at most maxBodySize bytes, the longest this
// package has. A longer one would be cut, so callers check it before.
func (k *macKey) sum(message []byte) [sha256.Size]byte {
	var first [sha256.BlockSize + maxBodySize]byte
	n := copy(first[:], k.inner[:])
	n += copy(first[n:], message)
	inner := sha256.Sum256(first[:n])

	var second [sha256.BlockSize + sha256.Size]byte
	copy(second[:], k.outer[:])
	copy(second[sha256.BlockSize:], inner[:])
	return sha256.Sum256(second[:])
}

// checksum is the keyed checksum of the body of a key text.
func (k *macKey) checksum(body []byte) [checksumSize]byte { return shorten(k.sum(body)) }

// shorten reduces a hash to six base62 characters. 2^64 is no multiple of
// 62^6, which favours some results by less than one part in 10^8.
func shorten(hash [sha256.Size]byte) [checksumSize]byte {
	n := binary.BigEndian.Uint64(hash[:8])
	var out [checksumSize]byte
	for i := range out {
		out[i] = base62[n%uint64(len(base62))]
		n /= uint64(len(base62))
	}
	return out
}

// equalSum compares a checksum in constant time: 1 when equal, else 0.
func equalSum(want [checksumSize]byte, got []byte) int {
	return subtle.ConstantTimeCompare(want[:], got)
}
