package client

import "strconv"

// PageInput asks for a part of a list.
type PageInput struct {
	Limit  int    `query:"limit" minimum:"1" maximum:"500" default:"50" doc:"Most items in one answer"`
	Cursor string `query:"cursor" doc:"next_cursor of the previous answer"`
}

// List is a part of a list.
type List[T any] struct {
	Items      []T    `json:"items" nullable:"false" doc:"The items, in a stable order"`
	NextCursor string `json:"next_cursor" doc:"Ask again with it for the next part; empty at the end"`
}

// Nothing is the body of an answer that has none (204).
type Nothing struct{}

// ETag is the entity tag of an object of that version.
func ETag(version int64) string {
	return `"` + strconv.FormatInt(version, 10) + `"`
}
