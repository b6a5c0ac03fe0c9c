package signature

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
)

// Prefix is how the text of a secret begins.
const Prefix = "whsec_"

// The bounds of a secret, in bytes.
const (
	size    = 32
	minSize = 24
	maxSize = 64
)

// redacted is what a secret prints as.
const redacted = "[redacted]"

// Secret is what sender and receiver share. The zero Secret signs nothing. It
// hides in a closure, where no printer can look: as an unexported field of
// another struct its methods are not asked.
type Secret struct{ reveal func() []byte }

func hide(raw []byte) Secret { return Secret{reveal: func() []byte { return raw }} }

func (s Secret) raw() []byte {
	if s.reveal == nil {
		return nil
	}
	return s.reveal()
}

// New makes a secret.
func New(random io.Reader) (Secret, error) {
	raw := make([]byte, size)
	if _, err := io.ReadFull(random, raw); err != nil {
		return Secret{}, fmt.Errorf("new webhook secret: %w", err)
	}
	return hide(raw), nil
}

// errForm does not repeat the text.
var errForm = errors.New("is no webhook secret: give whsec_ and the base64 of 24 to 64 bytes, as it was shown")

// Parse reads the text of a secret.
func Parse(text string) (Secret, error) {
	encoded, found := strings.CutPrefix(strings.TrimSpace(text), Prefix)
	raw, err := base64.StdEncoding.DecodeString(encoded)
	if !found || err != nil || len(raw) < minSize || len(raw) > maxSize {
		return Secret{}, errForm
	}
	return hide(raw), nil
}

// Reveal is the text itself.
func (s Secret) Reveal() string { return Prefix + base64.StdEncoding.EncodeToString(s.raw()) }

// Format writes a placeholder for every verb.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(redacted)) }

// LogValue is a placeholder.
func (s Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText is a placeholder.
func (s Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }
