package pipeline

import (
	"encoding"
	"unique"
)

// Shared is a text that many keys have, in the room of a pointer: there is one
// copy of it. The zero Shared is the empty text.
type Shared struct{ text unique.Handle[string] }

// SharedText is the text as a Shared.
func SharedText(text string) Shared {
	if text == "" {
		return Shared{}
	}
	return Shared{unique.Make(text)}
}

// String answers the text.
func (s Shared) String() string {
	if s == (Shared{}) {
		return ""
	}
	return s.text.Value()
}

// MarshalBinary answers the text; with it a snapshot can hold a Shared.
func (s Shared) MarshalBinary() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalBinary reads what MarshalBinary answered.
func (s *Shared) UnmarshalBinary(text []byte) error {
	*s = SharedText(string(text))
	return nil
}

var _ interface {
	encoding.BinaryMarshaler
	encoding.BinaryUnmarshaler
} = (*Shared)(nil)

// shared is the one copy of a text that many keys have.
func shared(text string) string { return SharedText(text).String() }
