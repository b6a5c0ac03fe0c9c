package sqlite

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"strconv"
	"time"

	"credence/store"
)

// This file is how values become columns and columns values; the rules are in
// the comment of package migrations.

// micros is the column of an instant: NULL for the zero time. What is finer
// than a microsecond is cut off.
func micros(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UnixMicro()
}

// textOrNull is the column of an optional reference.
func textOrNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// numberOrNull is the column of an optional number: NULL for zero.
func numberOrNull(n int64) any {
	if n == 0 {
		return nil
	}
	return n
}

// bytesOrNull is the column of an optional hash or ciphertext.
func bytesOrNull(b []byte) any {
	if len(b) == 0 {
		return nil
	}
	return b
}

// addressText is the column of an optional address.
func addressText(a netip.Addr) any {
	if !a.IsValid() {
		return nil
	}
	return a.String()
}

// list is the column of a list: a JSON array, also of nothing.
func list[T any](items []T) (string, error) {
	if len(items) == 0 {
		return "[]", nil
	}
	return jsonText(items)
}

// object is the column of a map: a JSON object, also of nothing.
func object(m map[string]string) (string, error) {
	if len(m) == 0 {
		return "{}", nil
	}
	return jsonText(m)
}

func jsonText(v any) (string, error) {
	raw, err := json.Marshal(v)
	if err != nil {
		return "", fmt.Errorf("%w: %w", store.ErrInvalid, err)
	}
	return string(raw), nil
}

// The types below scan a column into the value they point to. What does not
// scan was not written by us: the database is damaged.

type instant struct{ to *time.Time }

// Scan implements [database/sql.Scanner].
func (c instant) Scan(v any) error {
	switch v := v.(type) {
	case nil:
		*c.to = time.Time{}
	case int64:
		*c.to = time.UnixMicro(v).UTC()
	default:
		return unexpected("instant", v)
	}
	return nil
}

// span scans a length of time in microseconds.
type span struct{ to *time.Duration }

// Scan implements [database/sql.Scanner].
func (c span) Scan(v any) error {
	n, ok := v.(int64)
	if !ok {
		return unexpected("length of time", v)
	}
	*c.to = time.Duration(n) * time.Microsecond
	return nil
}

type optionalText struct{ to *string }

// Scan implements [database/sql.Scanner].
func (c optionalText) Scan(v any) error {
	switch v := v.(type) {
	case nil:
		*c.to = ""
	case string:
		*c.to = v
	default:
		return unexpected("text", v)
	}
	return nil
}

// numberText scans a number as text, and NULL and zero as none.
type numberText struct{ to *string }

// Scan implements [database/sql.Scanner].
func (c numberText) Scan(v any) error {
	switch v := v.(type) {
	case nil:
		*c.to = ""
	case int64:
		if *c.to = ""; v != 0 {
			*c.to = strconv.FormatInt(v, 10)
		}
	default:
		return unexpected("number", v)
	}
	return nil
}

// hash scans 32 bytes, and NULL as zeros.
type hash struct{ to *[32]byte }

// Scan implements [database/sql.Scanner].
func (c hash) Scan(v any) error {
	*c.to = [32]byte{}
	if v == nil {
		return nil
	}
	if b, ok := v.([]byte); !ok || copy(c.to[:], b) != len(c.to) || len(b) != len(c.to) {
		return unexpected("hash", v)
	}
	return nil
}

type address struct{ to *netip.Addr }

// Scan implements [database/sql.Scanner].
func (c address) Scan(v any) error {
	*c.to = netip.Addr{}
	if v == nil {
		return nil
	}
	s, ok := v.(string)
	if !ok {
		return unexpected("address", v)
	}
	var err error
	if *c.to, err = netip.ParseAddr(s); err != nil {
		return fmt.Errorf("%w: address: %w", store.ErrCorrupt, err)
	}
	return nil
}

type network struct{ to *netip.Prefix }

// Scan implements [database/sql.Scanner].
func (c network) Scan(v any) error {
	s, ok := v.(string)
	if !ok {
		return unexpected("network", v)
	}
	var err error
	if *c.to, err = netip.ParsePrefix(s); err != nil {
		return fmt.Errorf("%w: network: %w", store.ErrCorrupt, err)
	}
	return nil
}

// items scans a JSON array; an empty one, or NULL where a join found no row,
// is the nil slice.
type items[T any] struct{ to *[]T }

// Scan implements [database/sql.Scanner].
func (c items[T]) Scan(v any) error {
	*c.to = nil
	if v == nil {
		return nil
	}
	s, ok := v.(string)
	if !ok {
		return unexpected("list", v)
	}
	if s == "[]" {
		return nil
	}
	if err := json.Unmarshal([]byte(s), c.to); err != nil {
		return fmt.Errorf("%w: list: %w", store.ErrCorrupt, err)
	}
	return nil
}

// pairs scans a JSON object; an empty one is the nil map.
type pairs struct{ to *map[string]string }

// Scan implements [database/sql.Scanner].
func (c pairs) Scan(v any) error {
	*c.to = nil
	s, ok := v.(string)
	if !ok {
		return unexpected("map", v)
	}
	if s == "{}" {
		return nil
	}
	if err := json.Unmarshal([]byte(s), c.to); err != nil {
		return fmt.Errorf("%w: map: %w", store.ErrCorrupt, err)
	}
	return nil
}

// unexpected does not repeat the value: it may be a hash.
func unexpected(what string, v any) error {
	return fmt.Errorf("%w: column holds %T instead of %s", store.ErrCorrupt, v, what)
}
