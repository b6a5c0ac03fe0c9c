package management

import (
	"context"
	"encoding/json"
	"log/slog"
	"time"

	"credence/management/audit"
	"credence/store"
)

// AuditList is the input of [Service.AuditList]. Empty fields do not narrow.
type AuditList struct {
	Namespace string // "" for all that the actor may see
	Global    bool   // only the chain of what has no namespace; not with Namespace
	KeyID     string
	Actor     string
	Action    string
	Object    string
	Since     time.Time // at or after
	Until     time.Time // before
	Page      PageInput
}

// AuditEntry is an entry with its details opened.
type AuditEntry struct {
	store.AuditEntry

	// Opened is the details as JSON; nil when there are none, or when the
	// keyset does not open them (Unreadable).
	Opened     json.RawMessage
	Unreadable bool
}

// AuditPage is a part of the audit log, newest first.
type AuditPage struct {
	Items []AuditEntry
	Next  store.Cursor // "" when nothing follows
}

// AuditList lists the entries of the chains that the actor may see. Only
// global actors see the chain of what has no namespace.
func (s *Service) AuditList(ctx context.Context, a Actor, in AuditList) (AuditPage, error) {
	filter, page, err := in.filter(s.now().UTC())
	if err != nil {
		return AuditPage{}, err
	}
	chains, some := a.chains(in.Namespace, in.Global)
	if !some {
		return AuditPage{}, nil
	}
	filter.Chains = chains
	found, next, err := s.store.AuditLog(ctx, filter, page)
	if err != nil {
		return AuditPage{}, failed("list audit entries", err)
	}
	items := make([]AuditEntry, 0, len(found))
	for i := range found {
		items = append(items, s.opened(ctx, &found[i]))
	}
	return AuditPage{Items: items, Next: next}, nil
}

// maxFilter bounds what an entry is looked for by, in characters.
const maxFilter = 256

func (in *AuditList) filter(now time.Time) (store.AuditFilter, store.Page, error) {
	p := &problems{now: now}
	f := store.AuditFilter{
		KeyID: p.text("key_id", in.KeyID, 0, maxFilter), Actor: p.text("actor", in.Actor, 0, maxFilter),
		Action: p.text("action", in.Action, 0, maxFilter), Object: p.text("object", in.Object, 0, maxFilter),
		Since: p.instant("since", in.Since), Until: p.instant("until", in.Until),
	}
	p.oneChain(in.Namespace, in.Global)
	page := p.page(in.Page)
	return f, page, p.err("list audit entries")
}

// oneChain checks that at most one way of naming a chain was used.
func (p *problems) oneChain(namespace string, global bool) {
	if global && namespace != "" {
		p.add("global", "is given together with namespace", "give one of the two")
	}
	p.text("namespace", namespace, 0, maxNamespace)
}

// chains are the chains that a list is to show, as [Actor.visible] says for
// namespaces; that of what has no namespace only to global actors.
func (a Actor) chains(namespace string, global bool) (chains []string, some bool) {
	if global {
		return []string{""}, a.Global()
	}
	return a.visible(namespace)
}

// opened opens the details. Some that do not open (the keyset that sealed them
// is gone, or somebody changed them) must not hide the other entries.
func (s *Service) opened(ctx context.Context, e *store.AuditEntry) AuditEntry {
	details, err := audit.Open(s.store, e)
	if err != nil {
		s.logger.WarnContext(ctx, "details of an audit entry cannot be opened", slog.String("namespace", e.Namespace),
			slog.Int64("sequence", e.Sequence), slog.Any("error", err))
	}
	return AuditEntry{AuditEntry: *e, Opened: details, Unreadable: err != nil}
}
