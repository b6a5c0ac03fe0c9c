package credential

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"strings"
)

var errDigest = errors.New("is no SHA-256: write 64 hexadecimal digits, or the 32 bytes in base64")

// ParseDigest reads a digest that was made elsewhere: the SHA-256 of a key text
// in hexadecimal digits, or in base64 of either alphabet, with or without its
// padding. The error does not repeat the input, which may be a key text in the
// wrong place.
func ParseDigest(text string) (Digest, error) {
	var d Digest
	if len(text) == hex.EncodedLen(len(d)) {
		if _, err := hex.Decode(d[:], []byte(text)); err != nil {
			return Digest{}, errDigest
		}
		return d, nil
	}
	text = strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimSuffix(text, "="))
	if len(text) != base64.RawStdEncoding.EncodedLen(len(d)) {
		return Digest{}, errDigest
	}
	raw, err := base64.RawStdEncoding.Strict().DecodeString(text)
	if err != nil || len(raw) != len(d) {
		return Digest{}, errDigest
	}
	copy(d[:], raw)
	return d, nil
}
