package management

import (
	"context"
	"slices"
	"strings"
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
	Name       string // that the name holds, ASCII letters in either case
	Rotating   bool   // only keys that were rotated and whose grace lasts
	Scope      string
	Label      string // "name=value"
	ExpiresBy  time.Time
	// UnusedSince lists keys that were made before it and not used since.
	UnusedSince time.Time
	Page        PageInput
}

// KeyPage is a part of a list of keys, newest first.
type KeyPage struct {
	Items []store.Key
	Next  store.Cursor // "" when nothing follows
}

// KeyList lists the keys that the actor may see, purged ones only when the
// status asks for them.
func (s *Service) KeyList(ctx context.Context, a Actor, in KeyList) (KeyPage, error) {
	filter, page, err := in.filter(s.now().UTC())
	if err != nil {
		return KeyPage{}, err
	}
	namespaces, some := a.visible(in.Namespace)
	if !some {
		return KeyPage{}, nil
	}
	filter.Namespaces = namespaces
	items, next, err := s.store.Keys(ctx, filter, page)
	if err != nil {
		return KeyPage{}, failed("list keys", err)
	}
	return KeyPage{Items: items, Next: next}, nil
}

// statusExpired is computed, not stored: a key whose life has ended, whatever
// its status.
const statusExpired = "expired"

func (in *KeyList) filter(now time.Time) (store.KeyFilter, store.Page, error) {
	p := &problems{now: now}
	f := store.KeyFilter{
		Owner: in.Owner, Plan: in.Plan, NamePrefix: in.NamePrefix, NameContains: in.Name, Scope: in.Scope,
		ExpiresBy: p.instant("expires_by", in.ExpiresBy), UnusedSince: p.instant("unused_since", in.UnusedSince),
	}
	if in.Rotating {
		f.InGraceAt = now
	}
	if in.KeyType != "" {
		f.KeyType = p.keyType(in.KeyType)
	}
	switch {
	case in.Status == statusExpired:
		f.ExpiredAt = now
	case in.Status == "" || slices.Contains(store.Statuses(), store.Status(in.Status)):
		f.Status = store.Status(in.Status)
	default:
		p.add("status", quoted(in.Status)+" is no status", "use one of "+listed(store.Statuses())+", "+statusExpired)
	}
	if in.Label != "" {
		name, value, found := strings.Cut(in.Label, "=")
		if !found || !labelName(name) {
			p.add("label", quoted(in.Label)+" is no label", `write it like "team=payments"`)
		}
		f.Label = [2]string{name, value}
	}
	page := p.page(in.Page)
	return f, page, p.err("list keys")
}
