package management

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strconv"
	"time"

	"credence/management/audit"
	"credence/store"
)

// Anchor is a place outside that keeps checkpoints of the audit log. Package
// management/anchor has some.
type Anchor interface {
	// Name says which place it is; it is the same at every start.
	Name() string
	// Hold keeps the lines, which end with a new line each. When it answers nil
	// they are kept for good. It may be told the same lines again.
	Hold(ctx context.Context, lines []byte) error
}

// AuditAnchorList lists the anchors that this control plane tells of
// checkpoints, and how far each has come.
func (s *Service) AuditAnchorList(ctx context.Context, a Actor) ([]store.AuditAnchor, error) {
	if !a.Global() {
		return nil, refuse(CodeForbidden, "list audit anchors: they are about all namespaces; use a token that is not limited to some")
	}
	states, err := s.anchorStates(ctx)
	return states, failed("list audit anchors", err)
}

// anchorStates answers how far each anchor of this process is, those that have
// not been told anything too.
func (s *Service) anchorStates(ctx context.Context) ([]store.AuditAnchor, error) {
	known, err := s.store.AuditAnchors(ctx)
	if err != nil {
		return nil, err
	}
	states := make([]store.AuditAnchor, len(s.anchors))
	for i, a := range s.anchors {
		states[i] = store.AuditAnchor{Name: a.Name()}
		if at := slices.IndexFunc(known, func(k store.AuditAnchor) bool { return k.Name == a.Name() }); at >= 0 {
			states[i] = known[at]
		}
	}
	return states, nil
}

// anchorBatches bounds what one anchor is told in one pass, in pages of
// checkpoints.
const anchorBatches = 100

// AuditAnchorAll tells every anchor of the checkpoints that it does not hold
// yet; the control plane calls it at intervals. One that cannot be told does
// not keep the others from it.
func (s *Service) AuditAnchorAll(ctx context.Context) (told int, err error) {
	states, err := s.anchorStates(ctx)
	if err != nil {
		return 0, failed("audit anchors", err)
	}
	var errs []error
	for i, a := range s.anchors {
		n, err := s.tell(ctx, a, states[i])
		told += n
		errs = append(errs, err)
	}
	return told, failed("audit anchors", errors.Join(errs...))
}

// tell brings one anchor up to date, page by page.
func (s *Service) tell(ctx context.Context, a Anchor, at store.AuditAnchor) (told int, err error) {
	for range anchorBatches {
		page := store.Page{Limit: store.MaxPage, After: store.Cursor(strconv.FormatInt(at.Through, 10))}
		found, _, err := s.store.AuditCheckpoints(ctx, nil, page)
		if err != nil || len(found) == 0 {
			return told, err
		}
		var lines bytes.Buffer
		for i := range found {
			lines.Write(audit.CheckpointLine(&found[i]))
		}
		at.TriedAt = s.now().UTC().Truncate(time.Microsecond)
		holdErr := a.Hold(ctx, lines.Bytes())
		if ctx.Err() != nil {
			return told, ctx.Err()
		}
		if holdErr != nil {
			at.Failures++
			at.Problem = holdErr.Error()
			s.logger.WarnContext(ctx, "audit anchor was not told of checkpoints; trying again later",
				slog.String("anchor", a.Name()), slog.Int("failures", at.Failures), slog.Any("error", holdErr))
			return told, errors.Join(holdErr, s.store.PutAnchor(ctx, at))
		}
		at.Through, at.HeldAt, at.Failures, at.Problem = found[len(found)-1].Number, at.TriedAt, 0, ""
		if err := s.store.PutAnchor(ctx, at); err != nil {
			return told, err // it will be told again
		}
		told += len(found)
	}
	return told, nil
}
