package jobs

import (
	"context"
	"time"
)

// KindBlacklistExpire is the job that removes a blacklist rule at its end.
const KindBlacklistExpire = "blacklist_expire"

// blacklistExpirer is the use-case. Service of package management fulfils it.
type blacklistExpirer interface {
	// BlacklistExpire removes a rule whose time is over and answers the zero
	// time when it is gone, else the instant at which to call again.
	BlacklistExpire(ctx context.Context, id string) (again time.Time, err error)
}

func blacklistExpire(rules blacklistExpirer) due {
	return due{kind: KindBlacklistExpire, field: "id", do: rules.BlacklistExpire}
}
