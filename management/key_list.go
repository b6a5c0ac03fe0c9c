package management

import (
	"context"
	"time"

	"credence/store"
)

// KeyList is the input of [Service.KeyList]. Empty fields do not narrow.
type KeyList struct {
	Namespace  string
	Owner      string
	Plan       string
	KeyType    string
	Status     string // a stored status, or "expired"
	NamePrefix string
	Scope      string
	Label      string // "name=value"
	ExpiresBy  time.Time
	Page       PageInput
}

// KeyPage is a part of a list of keys, newest first.
type KeyPage struct {
	Items []store.Key
	Next  store.Cursor // "" when nothing follows
}

// KeyList lists the keys that the actor may see.
func (s *Service) KeyList(ctx context.Context, a Actor, in KeyList) (KeyPage, error) {
	return KeyPage{}, errUnwritten
}
