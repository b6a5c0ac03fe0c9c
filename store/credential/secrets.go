package credential

import (
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
)

// Bounds of the secrets of one deployment.
const (
	MaxChecksums = 4 // checksum secrets valid at once
	MaxPeppers   = 4 // peppers tried at once
	// MaxCandidates is the largest number of hashes of one digest.
	MaxCandidates = MaxPeppers + 1
)

// Secrets are the secrets of one deployment: checksum secrets, peppers and the
// snapshot key. They do not change after they are made, and show nothing of
// themselves when printed, logged or marshalled.
type Secrets struct {
	deployment [32]byte
	checksums  []namedSecret
	checksum   int // index of the current one
	peppers    []namedSecret
	pepper     int // index of the current one; -1 for none
	snapshot   [32]byte
	hashers    hashers
}

// namedSecret is one checksum secret or pepper, ready for use.
type namedSecret struct {
	id     string
	secret [32]byte
	mac    macKey
}

// NewSecrets makes the secrets of a new deployment: one checksum secret, no
// pepper, a snapshot key. They are in memory only; see [CreateSecrets].
func NewSecrets(random io.Reader) (*Secrets, error) {
	s := &Secrets{pepper: -1}
	var secret [32]byte
	for _, dst := range []*[32]byte{&s.deployment, &s.snapshot, &secret} {
		if _, err := io.ReadFull(random, dst[:]); err != nil {
			return nil, fmt.Errorf("make secrets: random source: %w", err)
		}
	}
	id, err := appendRandom([]byte("chk_"), random, 12)
	if err != nil {
		return nil, fmt.Errorf("make secrets: %w", err)
	}
	s.checksums = []namedSecret{{id: string(id), secret: secret, mac: newMACKey(secret)}}
	return s, nil
}

// Fingerprint names the deployment, publicly: 32 hexadecimal digits from which
// no secret can be found. It comes from the deployment's own random value
// alone, so it stays the same while checksum secrets and peppers rotate.
func (s *Secrets) Fingerprint() string {
	mac := newMACKey(s.deployment)
	h := s.hashers.take()
	sum := mac.sum(h, []byte("credence secrets fingerprint 1"))
	s.hashers.giveBack(h)
	return hex.EncodeToString(sum[:16])
}

// ChecksumIDs lists the ids of the valid checksum secrets. A live key whose
// row names another one is refused as not minted here.
func (s *Secrets) ChecksumIDs() []string { return ids(s.checksums) }

// PepperIDs lists the ids of the peppers. A live key whose row names another
// one cannot be found.
func (s *Secrets) PepperIDs() []string { return ids(s.peppers) }

// SnapshotKey seals what a replica writes to disk for its next start.
func (s *Secrets) SnapshotKey() [32]byte { return s.snapshot }

func ids(secrets []namedSecret) []string {
	out := make([]string, len(secrets))
	for i := range secrets {
		out[i] = secrets[i].id
	}
	return out
}

// String redacts.
func (*Secrets) String() string { return redacted }

// GoString redacts.
func (*Secrets) GoString() string { return redacted }

// Format redacts for every verb.
func (*Secrets) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// LogValue redacts.
func (*Secrets) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalJSON redacts: only [CreateSecrets] writes secrets.
func (*Secrets) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }
