package store

// Page asks for a part of a list.
type Page struct {
	Limit int    // 1 to MaxPage; 0 means DefaultPage
	After Cursor // where the previous page ended; "" is the start
}

// Cursor is the id of the last item of a page; "" when nothing follows.
// Clients see it encoded and must not look into it.
type Cursor string

// Bounds of [Page.Limit].
const (
	DefaultPage = 50
	MaxPage     = 500
)

// Size is the number of items to read, within bounds.
func (p Page) Size() int {
	switch {
	case p.Limit <= 0:
		return DefaultPage
	case p.Limit > MaxPage:
		return MaxPage
	default:
		return p.Limit
	}
}
