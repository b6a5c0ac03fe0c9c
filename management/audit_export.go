package management

import (
	"context"
	"encoding/json"
	"io"

	"credence/management/audit"
	"credence/store"
)

// AuditExport is the input of [Service.AuditExport].
type AuditExport struct {
	Namespace string // "" for all that the actor may see
	Global    bool   // only the chain of what has no namespace
	Details   bool   // also opened, beside the sealed ones
}

// AuditExport answers what writes the chains that the actor may see, with what
// proves them. A store that cannot answer is found before that is called: then
// a caller can still be told.
func (s *Service) AuditExport(ctx context.Context, a Actor, in AuditExport) (func(ctx context.Context, w io.Writer) error, error) {
	p := &problems{}
	p.oneChain(in.Namespace, in.Global)
	if err := p.err("export audit log"); err != nil {
		return nil, err
	}
	if _, _, err := s.store.AuditHeads(ctx, store.Page{Limit: 1}); err != nil {
		return nil, failed("export audit log", err)
	}
	chains, some := a.chains(in.Namespace, in.Global)
	if !some {
		chains = []string{} // none, which is no list of all
	}
	o := audit.ExportOptions{Chains: chains}
	if in.Details {
		o.Open = func(e *store.AuditEntry) (json.RawMessage, error) { return audit.Open(s.store, e) }
	}
	return func(ctx context.Context, w io.Writer) error {
		return failed("export audit log", audit.WriteExport(ctx, w, s.store, o))
	}, nil
}
