package credential

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding"
	"encoding/binary"
	"hash"
	"sync"
)

// macKey computes HMAC-SHA-256 (RFC 2104) under one 32-byte secret.
//
// An HMAC hashes the padded secret before the message, twice. Those two blocks
// are hashed once, here, and each message starts from the states after them:
// two compressions for a short message instead of four. crypto/hmac does the
// same but would need an instance for each secret and goroutine.
type macKey struct {
	inner, outer []byte // marshalled states of SHA-256
}

func newMACKey(secret [32]byte) macKey {
	return macKey{inner: paddedState(secret, 0x36), outer: paddedState(secret, 0x5c)}
}

func paddedState(secret [32]byte, pad byte) []byte {
	var block [sha256.BlockSize]byte
	copy(block[:], secret[:])
	for i := range block {
		block[i] ^= pad
	}
	state := newState()
	state.Write(block[:])
	marshalled, err := state.MarshalBinary()
	if err != nil {
		panic(err) // documented to work; there is no HMAC without it
	}
	return marshalled
}

// sum is the HMAC of a message of at most maxBodySize bytes, the longest that
// this package has. A longer one would be cut, so callers check it before.
func (k *macKey) sum(h *hasher, message []byte) (sum [sha256.Size]byte) {
	n := copy(h.buffer[:], message)
	h.from(k.inner, n)
	h.from(k.outer, sha256.Size)
	copy(sum[:], h.buffer[:])
	return sum
}

// checksum is the keyed checksum of the body of a key text.
func (k *macKey) checksum(h *hasher, body []byte) [checksumSize]byte {
	return shorten(k.sum(h, body))
}

// shaState is what sha256.New is documented to answer.
type shaState interface {
	hash.Hash
	encoding.BinaryMarshaler
	encoding.BinaryUnmarshaler
}

func newState() shaState {
	state, ok := sha256.New().(shaState)
	if !ok {
		panic("crypto/sha256 cannot marshal its state") // as above
	}
	return state
}

// hasher is what computing HMACs needs at hand. Messages pass through its
// buffer: handed to an interface directly, they would escape to the heap.
type hasher struct {
	state  shaState
	buffer [maxBodySize]byte
}

// from hashes the first n bytes of the buffer, beginning with a marshalled
// state, and leaves the result at the start of the buffer.
func (h *hasher) from(state []byte, n int) {
	if err := h.state.UnmarshalBinary(state); err != nil {
		panic(err) // the state was made by this process
	}
	h.state.Write(h.buffer[:n])
	h.state.Sum(h.buffer[:0])
}

// hashers keeps idle hashers. Its zero value is ready.
type hashers struct {
	pool sync.Pool
}

func (p *hashers) take() *hasher {
	if h, ok := p.pool.Get().(*hasher); ok {
		return h
	}
	return &hasher{state: newState()}
}

func (p *hashers) giveBack(h *hasher) { p.pool.Put(h) }

// shorten reduces a hash to six base62 characters. 2^64 is no multiple of
// 62^6, which favours some results by less than one part in 10^8.
func shorten(sum [sha256.Size]byte) [checksumSize]byte {
	n := binary.BigEndian.Uint64(sum[:8])
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
