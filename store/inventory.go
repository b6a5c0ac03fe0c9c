package store

import (
	"context"
	"slices"
	"strings"
	"time"
)

// System is a program whose credentials are known here.
type System string

// The systems.
const (
	SystemCredence System = "credence" // our own keys
	SystemGitea    System = "gitea"    // access tokens of its users
	SystemN8N      System = "n8n"      // API keys of its accounts
)

// Systems lists them.
func Systems() []System { return []System{SystemCredence, SystemGitea, SystemN8N} }

// OutsideSystems lists those that are not this one.
func OutsideSystems() []System { return []System{SystemGitea, SystemN8N} }

// IDPrefix begins the ids of the credentials of the system.
func (s System) IDPrefix() string {
	switch s {
	case SystemCredence:
		return KeyIDPrefix
	case SystemGitea:
		return GiteaTokenIDPrefix
	case SystemN8N:
		return N8NKeyIDPrefix
	}
	return ""
}

// InventoryItem is what credentials of all systems have in common.
type InventoryItem struct {
	System     System
	ID         string // here
	Name       string // of a key; on the server that of a token, or the label
	Namespace  string // "" for those of a connection without one
	Connection string // name of the connection; "" for our own keys
	Login      string // the account there that it belongs to; "" for our own keys
	Owner      string // who answers for it
	Scopes     []string
	State      string // a Status or an OutsideState
	Outcome    string // of the last verification; "" for our own keys
	CreatedAt  time.Time
	LastUsedAt time.Time // zero: never, or nobody says
	VerifiedAt time.Time // zero: never
	ExpiresAt  time.Time // zero: never
}

// InventoryFilter narrows an inventory; empty fields do not narrow.
type InventoryFilter struct {
	Systems    []System
	Namespaces []string // any of, "" for those of none
	Owner      string
	State      string
	ExpiresBy  time.Time // those whose life ends before this
	ExpiredAt  time.Time // those whose life has ended at this instant
	// UnverifiedSince: those of other systems that were made before this and not
	// verified since. Our own keys are verified whenever they are used.
	UnverifiedSince time.Time
}

// Has reports whether the filter lets credentials of the system through.
func (f *InventoryFilter) Has(s System) bool {
	if s == SystemCredence && !f.UnverifiedSince.IsZero() {
		return false
	}
	if f.State != "" && !slices.Contains(s.States(), f.State) {
		return false // it is not looked for where nothing can have it
	}
	return len(f.Systems) == 0 || slices.Contains(f.Systems, s)
}

// States are those that a credential of the system can have. None is left of a
// purged key.
func (s System) States() (all []string) {
	switch s {
	case SystemCredence:
		for _, is := range Statuses() {
			if is != StatusPurged {
				all = append(all, string(is))
			}
		}
	case SystemGitea, SystemN8N:
		for _, is := range OutsideStates(s) {
			all = append(all, string(is))
		}
	}
	return all
}

// InventoryAfter is where a list goes on in the credentials of one system: at
// those whose id is greater, or with from also at that id itself.
func InventoryAfter(after Cursor, in System) (id string, from bool) {
	prefix, place, _ := strings.Cut(string(after), "_")
	for _, s := range Systems() {
		if s.IDPrefix() == prefix+"_" {
			return in.IDPrefix() + place, in > s
		}
	}
	return in.IDPrefix(), true
}

// InventoryReader reads the credentials of all systems as one list.
type InventoryReader interface {
	// Inventory MUST answer only credentials that meet every condition of the
	// filter and MUST NOT answer purged keys. Its pages MUST be ordered by what
	// follows the prefix of the id, which is when it became known here, and then
	// by system: of what was there all the time nothing is left out and nothing
	// answered twice, whatever is added or deleted between two pages.
	Inventory(ctx context.Context, filter InventoryFilter, page Page) ([]InventoryItem, Cursor, error)
}
