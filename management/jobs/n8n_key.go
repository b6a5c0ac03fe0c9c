package jobs

import (
	"context"
	"log/slog"
	"time"

	"credence/store"
)

// n8nKeyTender is the use-case. Service of package management fulfils it.
type n8nKeyTender interface {
	// N8NKeyTend does what is due for a key of n8n and answers the zero time when
	// nothing is left to do, else the instant at which to call again.
	N8NKeyTend(ctx context.Context, id string) (again time.Time, err error)
}

// n8nComparer is the use-case. Service of package management fulfils it.
type n8nComparer interface {
	// N8NCompareAll compares what is known of keys with what n8n has, and answers
	// how much is new.
	N8NCompareAll(ctx context.Context) (found int, err error)
}

// N8NKeys is the pass that compares what is known of the keys of n8n accounts
// with what n8n has. Twice, it finds nothing new.
func N8NKeys(service n8nComparer) Pass {
	return Pass{Name: "n8n_keys", Every: time.Hour, Do: func(ctx context.Context) ([]slog.Attr, error) {
		found, err := service.N8NCompareAll(ctx)
		if found == 0 {
			return nil, err
		}
		return []slog.Attr{slog.Int("found", found)}, err
	}}
}

// n8nVerifier is the use-case. Service of package management fulfils it.
type n8nVerifier interface {
	// N8NVerifyAll tries out the secrets of keys that nobody has tried out for
	// long, and answers how many.
	N8NVerifyAll(ctx context.Context) (tried int, err error)
}

// N8NVerifications is the pass that keeps what is known of secrets of n8n keys
// fresh. Twice, it tries out what the first has not.
func N8NVerifications(service n8nVerifier) Pass {
	return verifications("n8n_verifications", service.N8NVerifyAll)
}

func n8nKeyTend(keys n8nKeyTender) due {
	return due{kind: store.KindN8NKey, field: "id", once: true, do: keys.N8NKeyTend}
}
