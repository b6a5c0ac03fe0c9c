package management

import (
	"net/netip"
	"slices"
	"time"

	"credence/store"
)

// Actor is who asks, and from where.
type Actor struct {
	ID         string     // "token:tok_...", "job:blacklist_expire", "system"
	Role       store.Role // judged by the API's operation table, not here
	Namespaces []string   // that it may act in; empty: global
	// GrantsUntil is when every admin token that it makes must have ended; zero
	// is never. A token makes none that outlives it.
	GrantsUntil time.Time
	// EndsAt is when what it proved itself with ends; zero is never.
	EndsAt    time.Time
	IPAddress netip.Addr
	RequestID string
}

// Global reports whether the actor may act in every namespace.
func (a Actor) Global() bool { return a.ID != "" && len(a.Namespaces) == 0 }

// May reports whether the actor may act in the namespace. An actor without an
// id may act nowhere.
func (a Actor) May(namespace string) bool {
	if a.Global() {
		return true
	}
	return a.ID != "" && slices.Contains(a.Namespaces, namespace)
}

// visible answers the namespaces that a list is to show: the one asked for, or
// all that the actor may see. some is false when that is none; an empty list
// with some true means every namespace.
func (a Actor) visible(asked string) (namespaces []string, some bool) {
	switch {
	case asked != "":
		return []string{asked}, a.May(asked)
	case a.Global():
		return nil, true
	default:
		return a.Namespaces, a.ID != "" && len(a.Namespaces) > 0
	}
}
