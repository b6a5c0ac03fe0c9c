package jobs

import (
	"context"
	"log/slog"
	"time"
)

// auditor is the use-cases. Service of package management fulfils them.
type auditor interface {
	// AuditCheckpointAll signs where every chain stands that has grown.
	AuditCheckpointAll(ctx context.Context) (made int, err error)
	// AuditAnchorAll tells every anchor of the checkpoints it does not hold.
	AuditAnchorAll(ctx context.Context) (told int, err error)
}

// Audit is the pass that signs where the audit log stands, and then tells the
// anchors. One pass does both: what was just signed is outside at once.
func Audit(service auditor, every time.Duration) Pass {
	return Pass{Name: "audit_checkpoint", Every: every, Do: func(ctx context.Context) ([]slog.Attr, error) {
		made, signErr := service.AuditCheckpointAll(ctx)
		told, err := service.AuditAnchorAll(ctx) // also after an error: the others were signed
		if signErr != nil {
			err = signErr
		}
		if made == 0 && told == 0 {
			return nil, err
		}
		return []slog.Attr{slog.Int("checkpoints", made), slog.Int("anchored", told)}, err
	}}
}
