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

func giteaToken(tokens giteaTender) due {
	return due{kind: store.KindGiteaToken, field: "id", do: tokens.GiteaTokenTend}
}
