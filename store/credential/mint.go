package credential

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
)

// Mint makes a new key text of 256 random bits with the current checksum
// secret, and answers that secret's id, which the key row keeps.
func (s *Secrets) Mint(random io.Reader, prefix, environment string) (text Text, checksumID string, err error) {
	if err := ValidatePrefix(prefix); err != nil {
		return Text{}, "", fmt.Errorf("mint key text: %w", err)
	}
	if err := ValidateEnvironment(environment); err != nil {
		return Text{}, "", fmt.Errorf("mint key text: %w", err)
	}
	body, err := appendRandom([]byte(prefix+"_"+environment+"_"), random, randomSize)
	if err != nil {
		return Text{}, "", fmt.Errorf("mint key text: %w", err)
	}
	current := &s.checksums[s.checksum]
	h := s.hashers.take()
	sum := current.mac.checksum(h, body)
	s.hashers.giveBack(h)
	return NewText(string(append(body, sum[:]...))), current.id, nil
}

// MintToken makes a new admin token text of 256 random bits.
func MintToken(random io.Reader) (Text, error) {
	body, err := appendRandom([]byte(tokenPrefix+"_"), random, randomSize)
	if err != nil {
		return Text{}, fmt.Errorf("mint token text: %w", err)
	}
	sum := tokenChecksum(body)
	return NewText(string(append(body, sum[:]...))), nil
}

// WellFormedToken reports whether text is a whole admin token text: its
// structure and plain checksum are right. That finds typing errors without a
// look-up; it does not prove that the token exists.
func WellFormedToken(text []byte) bool {
	const head = len(tokenPrefix) + 1
	if len(text) != head+randomSize+checksumSize || string(text[:head]) != tokenPrefix+"_" {
		return false
	}
	for _, c := range text[head:] {
		if !isBase62(c) {
			return false
		}
	}
	body, sum := text[:head+randomSize], text[head+randomSize:]
	return equalSum(tokenChecksum(body), sum) == 1
}

func tokenChecksum(body []byte) [checksumSize]byte {
	return shorten(sha256.Sum256(append([]byte("credence admin token 1\x00"), body...)))
}

// errStuck: a random source that answers hundreds of high bytes in a row.
var errStuck = errors.New("random source does not give random bytes; give the system's own")

// appendRandom appends n characters of base62, each equally likely: bytes of
// 248 (4 x 62) and more are drawn again, since a plain remainder would favour
// the first eight characters.
func appendRandom(dst []byte, random io.Reader, n int) ([]byte, error) {
	const fair = 256 - 256%len(base62)
	// 64 bytes give 62 characters on average. That eight rounds do not give
	// 43 does not happen to a random source.
	for range 8 {
		var round [64]byte
		if _, err := io.ReadFull(random, round[:]); err != nil {
			return nil, fmt.Errorf("random source: %w", err)
		}
		for _, b := range round {
			if n == 0 {
				return dst, nil
			}
			if int(b) < fair {
				dst = append(dst, base62[int(b)%len(base62)])
				n--
			}
		}
	}
	return nil, errStuck
}
