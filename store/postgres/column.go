package postgres

import (
	"fmt"
	"net/netip"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5/pgtype"

	"credence/store"
)

// This file is how values become columns and columns values; the rules are in
// the comment of package migrations.

// timeOrNull is the column of an instant: NULL for the zero time. What is
// finer than a microsecond is cut off.
func timeOrNull(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.Truncate(time.Microsecond)
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

// addressOrNull is the column of an optional address.
func addressOrNull(a netip.Addr) any {
	if !a.IsValid() {
		return nil
	}
	return a
}

// list is the column of a list, also of nothing: the driver takes a nil slice
// for NULL.
func list[T any](items []T) []T {
	if items == nil {
		return []T{}
	}
	return items
}

// object is the column of a map, also of nothing.
func object(m map[string]string) map[string]string {
	if m == nil {
		return map[string]string{}
	}
	return m
}

// noneIsNil makes an empty list the nil slice again.
func noneIsNil[T any](lists ...*[]T) {
	for _, l := range lists {
		if len(*l) == 0 {
			*l = nil
		}
	}
}

// The types below scan a column into the value they point to.

type instant struct{ to *time.Time }

// ScanTimestamptz implements [pgtype.TimestamptzScanner].
func (c instant) ScanTimestamptz(v pgtype.Timestamptz) error {
	switch {
	case !v.Valid:
		*c.to = time.Time{}
	case v.InfinityModifier != pgtype.Finite:
		return fmt.Errorf("%w: column holds an infinite instant", store.ErrCorrupt)
	default:
		*c.to = v.Time.UTC()
	}
	return nil
}

type optionalText struct{ to *string }

// ScanText implements [pgtype.TextScanner].
func (c optionalText) ScanText(v pgtype.Text) error {
	*c.to = v.String
	return nil
}

// numberText scans a number as text, and NULL and zero as none.
type numberText struct{ to *string }

// ScanInt64 implements [pgtype.Int64Scanner].
func (c numberText) ScanInt64(v pgtype.Int8) error {
	if *c.to = ""; v.Int64 != 0 {
		*c.to = strconv.FormatInt(v.Int64, 10)
	}
	return nil
}

// hash scans 32 bytes, and NULL as zeros.
type hash struct{ to *[32]byte }

// ScanBytes implements [pgtype.BytesScanner].
func (c hash) ScanBytes(b []byte) error {
	*c.to = [32]byte{}
	if b == nil {
		return nil
	}
	if copy(c.to[:], b) != len(c.to) || len(b) != len(c.to) {
		return fmt.Errorf("%w: column holds %d bytes instead of a hash", store.ErrCorrupt, len(b))
	}
	return nil
}

type address struct{ to *netip.Addr }

// ScanNetipPrefix implements [pgtype.NetipPrefixScanner].
func (c address) ScanNetipPrefix(v netip.Prefix) error {
	*c.to = v.Addr()
	return nil
}
