package jobs

import (
	"context"
	"time"

	"credence/store"
)

// giteaTender is the use-case. Service of package management fulfils it.
type giteaTender interface {
	// GiteaTokenTend does what is due for one token and answers the zero time
	// when nothing is left to do, else the instant at which to call again.
	GiteaTokenTend(ctx context.Context, id string) (again time.Time, err error)
}

func giteaToken(tokens giteaTender) due {
	return due{kind: store.KindGiteaToken, field: "id", do: tokens.GiteaTokenTend}
}
