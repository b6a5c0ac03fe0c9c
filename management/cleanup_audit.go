package management

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"time"

	"credence/store"
)

// oldAudit removes old entries from the beginning of each chain, up to a
// checkpoint of which every anchor has been told. A retention checkpoint is
// signed there first: it is what proves the rest of the chain from then on, and
// what lets the database remove anything at all.
func oldAudit(keep time.Duration) cleanup {
	return cleanup{
		name: "audit", about: "audit entries, from the beginning of each chain to a checkpoint", every: time.Hour,
		aged: true, keep: keep, most: 200, run: cutChains,
	}
}

func cutChains(ctx context.Context, r *cleanupRun) error {
	through, err := r.anchored(ctx)
	if err != nil {
		return err
	}
	var errs []error
	page := store.Page{Limit: store.MaxPage}
	for {
		heads, next, err := r.store.AuditHeads(ctx, page)
		if err != nil {
			return errors.Join(append(errs, err)...)
		}
		for i := range heads {
			errs = append(errs, r.cutChain(ctx, heads[i].Namespace, through))
		}
		if page.After = next; next == "" || r.out.More {
			return errors.Join(errs...)
		}
	}
}

// errNotAnchored: what no anchor holds yet must not go.
var errNotAnchored = &Error{Code: CodeConflict, Message: "an anchor holds no checkpoint yet, so nothing is removed; see `credence audit anchors`"}

// anchored is the number of the newest checkpoint that all anchors hold; 0
// when there are no anchors, and every checkpoint counts.
func (r *cleanupRun) anchored(ctx context.Context) (through int64, err error) {
	states, err := r.anchorStates(ctx)
	if err != nil {
		return 0, err
	}
	for i, a := range states {
		if a.Through == 0 {
			return 0, errNotAnchored
		}
		if i == 0 || a.Through < through {
			through = a.Through
		}
	}
	return through, nil
}

// cutChain removes what is old of one chain.
func (r *cleanupRun) cutChain(ctx context.Context, namespace string, through int64) error {
	to, err := r.cutTo(ctx, namespace, through)
	if err != nil || to == nil {
		return err
	}
	if r.dry {
		first, err := r.store.AuditEntries(ctx, namespace, 0, 1)
		if err != nil || len(first) == 0 || first[0].Sequence > to.Sequence {
			return err
		}
		r.out.Done += int(to.Sequence - first[0].Sequence + 1)
		r.item(CleanupItem{Object: fmt.Sprintf("audit:%s:%d to %d", namespace, first[0].Sequence, to.Sequence), Namespace: namespace, Since: first[0].At})
		return nil
	}
	for r.next() {
		n, err := r.store.RemoveAudit(ctx, namespace)
		r.out.Done += n
		if err != nil || n < store.RemoveBatch {
			return err
		}
	}
	return nil
}

// cutTo answers the checkpoint up to which the chain may go, signed for
// retention unless this is a dry run; nil when nothing of it is old.
func (r *cleanupRun) cutTo(ctx context.Context, namespace string, through int64) (*store.AuditCheckpoint, error) {
	last, err := r.store.NewestCheckpoint(ctx, namespace, store.CheckpointRetention)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return nil, err
	}
	head, err := r.store.CheckpointBefore(ctx, namespace, r.before, through)
	switch {
	case errors.Is(err, store.ErrNotFound) || err == nil && head.Sequence <= last.Sequence:
		if last.Sequence > 0 {
			return &last, nil // an earlier run may have left some
		}
		return nil, nil //nolint:nilnil // nothing is old
	case err != nil:
		return nil, err
	}
	if err := r.store.CheckSignature(&head); err != nil {
		return nil, fmt.Errorf("checkpoint at entry %d of %q: %w", head.Sequence, namespace, err)
	}
	entry, err := r.store.AuditEntry(ctx, namespace, head.Sequence)
	if err != nil {
		return nil, err
	}
	if subtle.ConstantTimeCompare(entry.Hash[:], head.Hash[:]) != 1 {
		return nil, fmt.Errorf("entry %d of %q is not the one that its checkpoint signed: nothing of the chain is removed", head.Sequence, namespace)
	}
	cut := store.AuditCheckpoint{Namespace: namespace, Sequence: head.Sequence, Kind: store.CheckpointRetention, Hash: head.Hash}
	if r.dry {
		return &cut, nil
	}
	made, err := r.store.AddCheckpoint(ctx, cut)
	if errors.Is(err, store.ErrConflict) { // another control plane was faster
		return &cut, nil
	}
	return &made, err
}
