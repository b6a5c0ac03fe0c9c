package store

import (
	"context"
	"time"
)

// NoticeKind is something about the use of a key or an owner that others are
// told of once for each stretch of time.
type NoticeKind string

// The kinds.
const (
	NoticeQuotaNear      NoticeKind = "quota.near"
	NoticeQuotaExhausted NoticeKind = "quota.exhausted"
	NoticeLimitExceeded  NoticeKind = "limit.exceeded"
)

// Notice says that others were told.
type Notice struct {
	Kind    NoticeKind
	Subject string    // as of a [QuotaWindow]; the key of a limit
	Name    string    // of the quota; "" of a limit
	Start   time.Time // of the stretch of time
	End     time.Time
	Count   int64 // what they were told
	Closed  bool  // nothing more is to be told
}

// NoticeReader reads notices.
type NoticeReader interface {
	// Notice MUST answer ErrNotFound when there is none.
	Notice(ctx context.Context, kind NoticeKind, subject, name string, start time.Time) (Notice, error)
	// OpenNotices MUST answer at most limit notices of the kind that are not
	// closed and ended before the instant, the earliest first.
	OpenNotices(ctx context.Context, kind NoticeKind, endedBefore time.Time, limit int) ([]Notice, error)
}

// NoticeWriter writes notices inside a transaction.
type NoticeWriter interface {
	// InsertNotice MUST answer ErrConflict when it is there.
	InsertNotice(ctx context.Context, n Notice) error
	// CloseNotice MUST set the count and close it, and answer ErrNotFound when
	// it is gone or closed.
	CloseNotice(ctx context.Context, n Notice) error
}

// InsertNotice notes that others are told. It is no change that an audit entry
// would be about: nobody did anything.
func (tx *Tx) InsertNotice(ctx context.Context, n Notice) error { return tx.w.InsertNotice(ctx, n) }

// CloseNotice notes that nothing more is to be told.
func (tx *Tx) CloseNotice(ctx context.Context, n Notice) error { return tx.w.CloseNotice(ctx, n) }
