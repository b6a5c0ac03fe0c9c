package redis

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"time"

	"credence/store"
	"credence/store/credential"
)

// maxEntry bounds a sealed entry, in bytes. A record that is larger is not
// shared.
const maxEntry = 64 << 10

var (
	errEntry    = errors.New("shared entry was changed or moved, or belongs to another deployment or version")
	errTooLarge = fmt.Errorf("key record needs more than %d bytes", maxEntry)
)

// sharedEntry is what is sealed.
type sharedEntry struct {
	Record store.KeyRecord `json:"record"`
	Before store.Position  `json:"before"`  // applied before the store was read
	After  store.Position  `json:"after"`   // head of the feed after that
	ReadAt int64           `json:"read_at"` // Unix nanoseconds, before the store was read
}

// entryName names an entry: an HMAC of the hashes that are looked for, so that
// who reads Redis learns of no digest.
type entryName [sha256.Size]byte

func (n entryName) text() string { return base64.RawURLEncoding.EncodeToString(n[:]) }

// entrySeal names and seals entries. Both keys come from the deployment's
// snapshot key, by HKDF (RFC 5869) with a label of their own: nothing sealed
// for another purpose opens here.
type entrySeal struct {
	naming, sealing []byte
	layout          []byte
	random          io.Reader
}

func newEntrySeal(secret [32]byte, random io.Reader) (*entrySeal, error) {
	naming, err := hkdf.Key(sha256.New, secret[:], nil, "credence shared key cache 1: names", sha256.Size)
	if err != nil {
		return nil, err
	}
	sealing, err := hkdf.Key(sha256.New, secret[:], nil, "credence shared key cache 1: entries", sha256.Size)
	if err != nil {
		return nil, err
	}
	return &entrySeal{naming: naming, sealing: sealing, layout: layoutOf(reflect.TypeFor[sharedEntry]()), random: random}, nil
}

// layoutOf describes a type with all it holds. Versions whose records differ
// share nothing: an older one would leave out a restriction that a newer one
// knows, and absent means unrestricted.
func layoutOf(t reflect.Type) []byte {
	var text strings.Builder
	seen := map[reflect.Type]bool{}
	var describe func(t reflect.Type)
	describe = func(t reflect.Type) {
		text.WriteString(t.String())
		if seen[t] {
			return
		}
		seen[t] = true
		switch t.Kind() { //nolint:exhaustive // the other kinds hold nothing
		case reflect.Struct:
			for field := range t.Fields() {
				text.WriteString(" " + field.Name + ":")
				describe(field.Type)
			}
			text.WriteString(";")
		case reflect.Slice, reflect.Array, reflect.Pointer:
			describe(t.Elem())
		case reflect.Map:
			describe(t.Key())
			describe(t.Elem())
		}
	}
	describe(t)
	sum := sha256.Sum256([]byte(text.String()))
	return sum[:]
}

// name is the name of the answer to a look-up of the hashes.
func (s *entrySeal) name(hashes []credential.Hash) entryName {
	mac := hmac.New(sha256.New, s.naming)
	mac.Write(s.layout)
	for i := range hashes {
		mac.Write(hashes[i][:])
	}
	return entryName(mac.Sum(nil))
}

// aead is the cipher of one name. A key of its own for each keeps the number
// of random nonces under one key small.
func (s *entrySeal) aead(name entryName) (cipher.AEAD, error) {
	mac := hmac.New(sha256.New, s.sealing)
	mac.Write(name[:])
	block, err := aes.NewCipher(mac.Sum(nil))
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// seal encrypts an entry for its name. errTooLarge means that it is not to be
// shared.
func (s *entrySeal) seal(name entryName, e *sharedEntry) ([]byte, error) {
	plain, err := json.Marshal(e) //nolint:musttag // read by programs of the same layout only
	if err != nil {
		return nil, fmt.Errorf("seal shared entry: %w", err)
	}
	aead, err := s.aead(name)
	if err != nil {
		return nil, fmt.Errorf("seal shared entry: %w", err)
	}
	sealed := make([]byte, aead.NonceSize(), aead.NonceSize()+len(plain)+aead.Overhead())
	if cap(sealed) > maxEntry {
		return nil, errTooLarge
	}
	if _, err := io.ReadFull(s.random, sealed); err != nil {
		return nil, fmt.Errorf("seal shared entry: random source: %w", err)
	}
	return aead.Seal(sealed, sealed, plain, name[:]), nil
}

// open decrypts the entry of a name. The error is errEntry.
func (s *entrySeal) open(name entryName, sealed []byte) (*sharedEntry, error) {
	aead, err := s.aead(name)
	if err != nil {
		return nil, err
	}
	if len(sealed) < aead.NonceSize() || len(sealed) > maxEntry {
		return nil, errEntry
	}
	nonce, text := sealed[:aead.NonceSize()], sealed[aead.NonceSize():]
	plain, err := aead.Open(nil, nonce, text, name[:])
	if err != nil {
		return nil, errEntry
	}
	var e sharedEntry
	if err := json.Unmarshal(plain, &e); err != nil { //nolint:musttag // as in seal
		return nil, errEntry
	}
	return &e, nil
}

// age is how long ago the entry was read; false when its clock and ours do not
// agree, or it is older than most.
func (e *sharedEntry) age(now time.Time, most time.Duration) (time.Duration, bool) {
	age := now.Sub(time.Unix(0, e.ReadAt))
	if age < -maxSkew || age > most {
		return 0, false
	}
	return max(age, time.Nanosecond), true
}
