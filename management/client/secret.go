package client

import (
	"fmt"
	"log/slog"
)

// KeyText is the text of a new key on its way to the one who asked for it. It
// is plain in JSON and nowhere else: printing or logging it shows a placeholder.
type KeyText string

const redacted = "[redacted]"

// Reveal is the text itself.
func (k KeyText) Reveal() string { return string(k) }

// String is a placeholder.
func (k KeyText) String() string { return redacted }

// GoString is a placeholder.
func (k KeyText) GoString() string { return redacted }

// Format writes a placeholder for every verb.
func (k KeyText) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(redacted)) }

// LogValue is a placeholder.
func (k KeyText) LogValue() slog.Value { return slog.StringValue(redacted) }
