package audit

import (
	"bytes"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strconv"

	"credence/store"
)

// PublicKeys are what signatures of checkpoints are held against: the public
// halves of the signing keys of keyset.json, by id. They are no secret.
type PublicKeys map[uint32]ed25519.PublicKey

// A signature is that of Tink: a byte 1, the id of the key, and 64 bytes.
const (
	signaturePrefix = 5
	pemType         = "PUBLIC KEY"
	pemKeyID        = "Credence-Key-Id"
)

// errUnsigned: none of the keys signed it.
var errUnsigned = errors.New("none of the public keys signed it")

// Check answers an error when none of the keys signed the checkpoint.
func (k PublicKeys) Check(c *store.AuditCheckpoint) error {
	s := c.Signature
	if len(s) != signaturePrefix+ed25519.SignatureSize || s[0] != 1 {
		return errUnsigned
	}
	id := uint32(s[1])<<24 | uint32(s[2])<<16 | uint32(s[3])<<8 | uint32(s[4])
	key, known := k[id]
	if !known || !ed25519.Verify(key, c.Message(), s[signaturePrefix:]) {
		return errUnsigned
	}
	return nil
}

// ParsePublicKeys reads what PublicKeys of package store/seal wrote. The error says what is
// wrong and what to do.
func ParsePublicKeys(text []byte) (PublicKeys, error) {
	keys := PublicKeys{}
	for {
		var block *pem.Block
		if block, text = pem.Decode(text); block == nil {
			break
		}
		id, err := strconv.ParseUint(block.Headers[pemKeyID], 10, 32)
		if block.Type != pemType || err != nil {
			return nil, fmt.Errorf("block %d is no public key with its id; take the file as `credence audit public-key` wrote it", len(keys)+1)
		}
		parsed, err := x509.ParsePKIXPublicKey(block.Bytes)
		key, ok := parsed.(ed25519.PublicKey)
		if err != nil || !ok {
			return nil, fmt.Errorf("key %d is no Ed25519 key; take the file as `credence audit public-key` wrote it", id)
		}
		keys[uint32(id)] = key
	}
	if len(keys) == 0 || len(bytes.TrimSpace(text)) > 0 {
		return nil, errors.New("is no list of public keys in PEM; take the file as `credence audit public-key` wrote it")
	}
	return keys, nil
}
