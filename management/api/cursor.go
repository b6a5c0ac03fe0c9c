package api

import (
	"encoding/base64"
	"strings"

	"credence/management"
	"credence/management/client"
	"credence/store"
)

// A cursor is the store's cursor with the operation that gave it out before
// it, in base64url: opaque, and of no use for another list.

func encodeCursor(operation string, next store.Cursor) string {
	if next == "" {
		return ""
	}
	return base64.RawURLEncoding.EncodeToString([]byte(operation + " " + string(next)))
}

// page is the part of a list that the caller asks for.
func (c call) page(in client.PageInput) (management.PageInput, error) {
	page := management.PageInput{Limit: in.Limit}
	if in.Cursor == "" {
		return page, nil
	}
	raw, err := base64.RawURLEncoding.DecodeString(in.Cursor)
	operation, after, found := strings.Cut(string(raw), " ")
	if err != nil || !found || operation != c.operation || after == "" || !storable(after) {
		return page, malformed("cursor", "is not one that this list gave out",
			"send next_cursor of the previous answer unchanged, or leave it out to begin anew")
	}
	page.Cursor = store.Cursor(after)
	return page, nil
}

func list[F, T any](c call, items []F, next store.Cursor, err error, wire func(F) T) (client.List[T], error) {
	if err != nil {
		return client.List[T]{}, err
	}
	return client.List[T]{Items: mapped(items, wire), NextCursor: encodeCursor(c.operation, next)}, nil
}
