package management

import (
	"strconv"

	"credence/store"
)

// Patch is a field of an update: absent (keep), null (back to empty) or a new
// value. The zero Patch is absent.
type Patch[T any] struct {
	present bool
	value   T
}

// Set is a patch that sets the field. The zero value of T stands for null.
func Set[T any](value T) Patch[T] { return Patch[T]{present: true, value: value} }

// Null is a patch that empties the field.
func Null[T any]() Patch[T] { return Patch[T]{present: true} }

// Idempotency makes a create repeatable. The zero value means: it is not.
type Idempotency struct {
	Key         string   // the Idempotency-Key header, 1 to 128 visible ASCII characters
	RequestHash [32]byte // of method, path and body
}

// LimitInput is a named rate as people write it.
type LimitInput struct {
	Name   string
	Limit  int64
	Period string // a Go duration: "1s", "1m", "24h"
	Burst  int64  // 0 means Limit
}

// QuotaInput is a calendar budget as people write it.
type QuotaInput struct {
	Name   string
	Limit  int64
	Period string // "day" or "month"
}

// PageInput asks for a part of a list.
type PageInput struct {
	Limit  int // 1 to store.MaxPage; 0 means store.DefaultPage
	Cursor store.Cursor
}

// patch sets a field to what the update says of it, checked by parse.
func patch[T, S any](field *T, to Patch[S], parse func(S) T) {
	if to.present {
		*field = parse(to.value)
	}
}

// page checks which part of a list is asked for.
func (p *problems) page(in PageInput) store.Page {
	if in.Limit < 0 || in.Limit > store.MaxPage {
		p.add("limit", strconv.Itoa(in.Limit)+" is out of range", "use 1 to "+strconv.Itoa(store.MaxPage))
	}
	return store.Page{Limit: in.Limit, After: in.Cursor}
}
