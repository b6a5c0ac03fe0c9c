package management

import (
	"context"
	"strconv"
	"strings"

	"credence/store"
)

// AuditRead reads one entry. Its id is the namespace of its chain, a colon and
// its number there: "default:42", or ":42" in the chain of what has no
// namespace.
func (s *Service) AuditRead(ctx context.Context, a Actor, id string) (AuditEntry, error) {
	what := "audit entry " + quoted(id)
	namespace, number, found := strings.Cut(id, ":")
	sequence, err := strconv.ParseInt(number, 10, 64)
	p := &problems{}
	p.text("id", id, 0, maxFilter)
	if !found || err != nil || len(p.fields) > 0 || !a.May(namespace) {
		return AuditEntry{}, notFound(what)
	}
	e, err := s.store.AuditEntry(ctx, namespace, sequence)
	if err != nil {
		return AuditEntry{}, failed(what, err)
	}
	return s.opened(ctx, &e), nil
}

// AuditID names an entry; see [Service.AuditRead].
func AuditID(e *store.AuditEntry) string {
	return e.Namespace + ":" + strconv.FormatInt(e.Sequence, 10)
}
