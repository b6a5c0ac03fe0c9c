package snapshot

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"encoding/gob"
	"errors"
	"fmt"
	"time"

	"credence/extauthz/pipeline"
	"credence/store"
	"credence/store/credential"
)

// The places in the file, in bytes.
const (
	magic      = "credence-snap-1\n"
	markSize   = 16
	saltSize   = 32
	layoutAt   = len(magic) + markSize
	saltAt     = layoutAt + markSize
	slotAt     = saltAt + saltSize
	slotPlain  = 8 + 8 + 8 + markSize
	slotSize   = 8 + slotPlain + tagSize
	bodyAt     = slotAt + slotSize
	tagSize    = 16
	lengthSize = 4
)

const (
	// maxPiece bounds a sealed piece: as much is in memory at once.
	maxPiece = 16 << 20
	// maxJournal is the size of a journal at which a new body is written at
	// once. A file whose journal is four times as long is given up.
	maxJournal = 4 << 20
	// maxPending is how many batches of changes may come while a body is
	// written; with more it is begun again.
	maxPending = 10_000
)

// kind is what a piece is; it stands in the nonce.
type kind uint32

const (
	kindBody kind = iota + 1
	kindJournal
	kindSlot
)

// piece is the content of a body.
type piece struct {
	Meta  *meta
	Keys  []keptKey
	Rules []store.BlacklistRule
	// Policies are the route policies: what is missing is no policy at all.
	Policies []store.RoutePolicy
	End      *end
}

// meta comes first.
type meta struct {
	Position  store.Position
	Replica   string // who wrote it
	WrittenAt int64  // Unix nanoseconds
	Rank      int    // among the replicas that share limits
	Replicas  int
	File      uint64 // where it was written; a copy lies elsewhere
}

// end comes last.
type end struct{ Keys, Rules, Policies int }

// keptKey is an entry of the key cache.
type keptKey struct {
	Digest   credential.Digest
	Key      pipeline.Key
	Revision store.Revision
	ReadAt   int64 // Unix nanoseconds
}

// record is a piece of the journal: changes that were applied together.
type record struct {
	To       store.Position
	Changes  []change
	Rules    []ruleNow
	Policies []policyNow
}

// change is what of a store.Change says which keys rest on it.
type change struct {
	Revision  store.Revision
	Kind      store.ChangeKind
	Namespace string
	ObjectID  string
	Hash      credential.Hash
}

// ruleNow is a blacklist rule after a change of it.
type ruleNow struct {
	ID   string
	Held bool
	Rule store.BlacklistRule
}

// policyNow is a route policy after a change of it.
type policyNow struct {
	Name   string
	Held   bool
	Policy store.RoutePolicy
}

// slot is what changes in place.
type slot struct {
	records uint64 // in the journal
	readAt  int64  // Unix nanoseconds
	uptime  time.Duration
	boot    [markSize]byte
}

func (s *slot) bytes() []byte {
	b := binary.BigEndian.AppendUint64(make([]byte, 0, slotPlain), s.records)
	b = binary.BigEndian.AppendUint64(b, uint64(s.readAt))
	b = binary.BigEndian.AppendUint64(b, uint64(s.uptime))
	return append(b, s.boot[:]...)
}

func slotOf(b []byte) slot {
	return slot{
		records: binary.BigEndian.Uint64(b), readAt: int64(binary.BigEndian.Uint64(b[8:])),
		uptime: time.Duration(binary.BigEndian.Uint64(b[16:])), boot: [markSize]byte(b[24:]),
	}
}

// markOf tells deployments apart without saying anything of their key.
func markOf(secret [32]byte) ([]byte, error) {
	return hkdf.Key(sha256.New, secret[:], nil, "credence replica snapshot 1: deployment", markSize)
}

// cipherOf is the cipher of the file with the salt.
func cipherOf(secret [32]byte, salt []byte) (cipher.AEAD, error) {
	key, err := hkdf.Key(sha256.New, secret[:], salt, "credence replica snapshot 1: "+string(layout()), sha256.Size)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

func nonceOf(k kind, number uint64) []byte {
	n := binary.BigEndian.AppendUint32(make([]byte, 0, 12), uint32(k))
	return binary.BigEndian.AppendUint64(n, number)
}

var errTooLarge = errors.New("what belongs together is larger than a piece of a snapshot may be")

// sealPiece answers the piece as it stands in the file.
func sealPiece(aead cipher.AEAD, k kind, number uint64, content any) ([]byte, error) {
	var plain bytes.Buffer
	if err := gob.NewEncoder(&plain).Encode(content); err != nil {
		return nil, fmt.Errorf("encode: %w", err)
	}
	if plain.Len() > maxPiece-tagSize {
		return nil, errTooLarge
	}
	sealed := binary.BigEndian.AppendUint32(make([]byte, 0, lengthSize+plain.Len()+tagSize), uint32(plain.Len()+tagSize))
	return aead.Seal(sealed, nonceOf(k, number), plain.Bytes(), nil), nil
}

// sealSlot answers the slot as it stands in the file. No two may have the same
// number.
func sealSlot(aead cipher.AEAD, number uint64, s slot) []byte {
	sealed := binary.BigEndian.AppendUint64(make([]byte, 0, slotSize), number)
	return aead.Seal(sealed, nonceOf(kindSlot, number), s.bytes(), nil)
}
