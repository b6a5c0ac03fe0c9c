package jobs

import (
	"context"
	"log/slog"
	"time"

	"credence/store"
)

// giteaTender is the use-case. Service of package management fulfils it.
type giteaTender interface {
	// GiteaTokenTend does what is due for one token and answers the zero time
	// when nothing is left to do, else the instant at which to call again.
	GiteaTokenTend(ctx context.Context, id string) (again time.Time, err error)
}

// giteaComparer is the use-case. Service of package management fulfils it.
type giteaComparer interface {
	// GiteaCompareAll compares what is known of tokens with what the servers
	// have, and answers how much is new.
	GiteaCompareAll(ctx context.Context) (found int, err error)
}

// GiteaTokens is the pass that compares what is known of the tokens of Gitea
// users with what the servers have. Twice, it finds nothing new.
func GiteaTokens(service giteaComparer) Pass {
	return Pass{Name: "gitea_tokens", Every: time.Hour, Do: func(ctx context.Context) ([]slog.Attr, error) {
		found, err := service.GiteaCompareAll(ctx)
		if found == 0 {
			return nil, err
		}
		return []slog.Attr{slog.Int("found", found)}, err
	}}
}

// giteaVerifier is the use-case. Service of package management fulfils it.
type giteaVerifier interface {
	// GiteaVerifyAll tries out the secrets of tokens that nobody has tried out
	// for long, and answers how many.
	GiteaVerifyAll(ctx context.Context) (tried int, err error)
}

// GiteaVerifications is the pass that keeps what is known of secrets of Gitea
// tokens fresh. Twice, it tries out what the first has not.
func GiteaVerifications(service giteaVerifier) Pass {
	return verifications("gitea_verifications", service.GiteaVerifyAll)
}

// verifications is a pass that tries secrets out. It comes more often than each
// is due, so that many are spread over the day.
func verifications(name string, verify func(ctx context.Context) (int, error)) Pass {
	return Pass{Name: name, Every: time.Hour, Do: func(ctx context.Context) ([]slog.Attr, error) {
		tried, err := verify(ctx)
		if tried == 0 {
			return nil, err
		}
		return []slog.Attr{slog.Int("tried", tried)}, err
	}}
}

func giteaToken(tokens giteaTender) due {
	return due{kind: store.KindGiteaToken, field: "id", once: true, do: tokens.GiteaTokenTend}
}
