package management

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"credence/management/audit"
	"credence/store"
)

// AuditCheckpoint signs where the chains of a namespace, or all that the actor
// may see, stand now. What was not changed since its last checkpoint gets no
// other. The audit log tells of it before it is signed.
func (s *Service) AuditCheckpoint(ctx context.Context, a Actor, namespace string) ([]store.AuditCheckpoint, error) {
	switch {
	case namespace == "" && !a.Global():
		return nil, refuse(CodeForbidden, "audit checkpoint: all chains can be signed only by a token that is not limited to namespaces; name one of yours")
	case namespace != "":
		if _, err := s.NamespaceRead(ctx, a, namespace); err != nil {
			return nil, err
		}
	}
	_, _, err := transact(ctx, s, a, "audit checkpoint", func(_ context.Context, t *transaction) (struct{}, error) {
		t.record(namespace, "audit.checkpoint", "audit:"+namespace, "", details{})
		return struct{}{}, nil
	})
	if err != nil {
		return nil, err
	}
	return s.signHeads(ctx, func(chain string) bool { return namespace == "" || chain == namespace })
}

// AuditCheckpointAll signs where every chain stands that has grown; the audit
// pass calls it.
func (s *Service) AuditCheckpointAll(ctx context.Context) (made int, err error) {
	all, err := s.signHeads(ctx, func(string) bool { return true })
	return len(all), err
}

// signHeads signs the ends of the chains that are wanted. A chain that does
// not verify gets no checkpoint, and does not keep the others from theirs.
func (s *Service) signHeads(ctx context.Context, wanted func(chain string) bool) (made []store.AuditCheckpoint, err error) {
	var broken []error
	page := store.Page{Limit: store.MaxPage}
	for {
		heads, next, err := s.store.UncheckedHeads(ctx, page)
		if err != nil {
			return made, failed("audit checkpoint", err)
		}
		for i := range heads {
			if !wanted(heads[i].Namespace) {
				continue
			}
			c, err := s.signHead(ctx, &heads[i])
			switch {
			case errors.Is(err, store.ErrConflict): // another control plane was faster
			case err != nil:
				s.logger.ErrorContext(ctx, "audit chain gets no checkpoint", slog.String("namespace", heads[i].Namespace), slog.Any("error", err))
				broken = append(broken, err)
			default:
				made = append(made, c)
			}
		}
		if page.After = next; next == "" {
			break
		}
	}
	if len(broken) > 0 {
		return made, failed("audit checkpoint", errors.Join(broken...))
	}
	return made, nil
}

// signHead signs the end of a chain that goes on whole from its last
// checkpoint: a signature must not vouch for what was changed in between.
func (s *Service) signHead(ctx context.Context, head *store.AuditHead) (store.AuditCheckpoint, error) {
	chain := audit.NewChain(head.Namespace)
	for _, kind := range []store.CheckpointKind{store.CheckpointHead, store.CheckpointRetention} {
		last, err := s.store.NewestCheckpoint(ctx, head.Namespace, kind)
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return store.AuditCheckpoint{}, err
		}
		if err := s.store.CheckSignature(&last); err != nil {
			return store.AuditCheckpoint{}, fmt.Errorf("%s checkpoint at entry %d of %q: %w", kind, last.Sequence, last.Namespace, err)
		}
		if at, _ := chain.Head(); last.Sequence > at {
			chain = audit.ChainFrom(&last)
		}
	}
	if err := chain.Expect(&store.AuditCheckpoint{Namespace: head.Namespace, Sequence: head.Sequence, Hash: head.Hash}); err != nil {
		return store.AuditCheckpoint{}, err
	}
	if err := chain.Follow(ctx, s.store); err != nil {
		return store.AuditCheckpoint{}, err
	}
	if err := chain.End(); err != nil {
		return store.AuditCheckpoint{}, err
	}
	sequence, hash := chain.Head()
	return s.store.AddCheckpoint(ctx, store.AuditCheckpoint{
		Namespace: head.Namespace, Sequence: sequence, Kind: store.CheckpointHead, Hash: hash,
	})
}

// AuditCheckpointPage is a part of the checkpoints, in the order they were made.
type AuditCheckpointPage struct {
	Items []store.AuditCheckpoint
	Next  store.Cursor // "" when nothing follows
}

// AuditCheckpointList is the input of [Service.AuditCheckpointList].
type AuditCheckpointList struct {
	Namespace string // "" for all that the actor may see
	Global    bool   // only those of the chain of what has no namespace
	Page      PageInput
}

// AuditCheckpointList lists the checkpoints of the chains that the actor may
// see.
func (s *Service) AuditCheckpointList(ctx context.Context, a Actor, in AuditCheckpointList) (AuditCheckpointPage, error) {
	p := &problems{}
	page := p.page(in.Page)
	p.oneChain(in.Namespace, in.Global)
	if err := p.err("list audit checkpoints"); err != nil {
		return AuditCheckpointPage{}, err
	}
	chains, some := a.chains(in.Namespace, in.Global)
	if !some {
		return AuditCheckpointPage{}, nil
	}
	items, next, err := s.store.AuditCheckpoints(ctx, chains, page)
	if err != nil {
		return AuditCheckpointPage{}, failed("list audit checkpoints", err)
	}
	return AuditCheckpointPage{Items: items, Next: next}, nil
}

// AuditPublicKeys are what checkpoints are verified by, in PEM.
func (s *Service) AuditPublicKeys() (string, error) {
	keys, err := s.store.PublicKeys()
	if err != nil {
		return "", failed("public keys", err)
	}
	return string(keys), nil
}

// AuditCheckpointLine is the checkpoint as anchors and auditors keep it.
func AuditCheckpointLine(c *store.AuditCheckpoint) string {
	return strings.TrimSuffix(string(audit.CheckpointLine(c)), "\n")
}
