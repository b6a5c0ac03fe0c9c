package client

import (
	"bytes"
	"encoding/json"
)

// Patch is one field of a JSON merge patch (RFC 7396): not mentioned, set, or
// cleared by null. The zero Patch is not mentioned.
type Patch[T any] struct {
	mentioned bool
	cleared   bool
	value     T
}

// Set is a field that gets the value.
func Set[T any](value T) Patch[T] { return Patch[T]{mentioned: true, value: value} }

// Clear is a field that is emptied.
func Clear[T any]() Patch[T] { return Patch[T]{mentioned: true, cleared: true} }

// IsZero reports that the patch does not mention the field; encoding/json
// leaves such fields out (omitzero).
func (p Patch[T]) IsZero() bool { return !p.mentioned }

// Pointer is nil for a field that stays, and points to its new value
// otherwise, which is the zero value for a field that is cleared.
func (p Patch[T]) Pointer() *T {
	if !p.mentioned {
		return nil
	}
	return &p.value
}

// MarshalJSON writes the value, or null for a field that is cleared.
func (p Patch[T]) MarshalJSON() ([]byte, error) {
	if p.cleared {
		return []byte("null"), nil
	}
	return json.Marshal(p.value)
}

// UnmarshalJSON reads a field that is mentioned.
func (p *Patch[T]) UnmarshalJSON(b []byte) error {
	var read Patch[T]
	read.mentioned = true
	if bytes.Equal(bytes.TrimSpace(b), []byte("null")) {
		read.cleared = true
	} else if err := json.Unmarshal(b, &read.value); err != nil {
		return err
	}
	*p = read
	return nil
}
