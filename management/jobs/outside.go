package jobs

import (
	"context"
	"log/slog"
	"time"

	"credence/store"
)

// outsideTender is the use-case. Service of package management fulfils it.
type outsideTender interface {
	// OutsideTend does what is due for one credential of another system and
	// answers the zero time when nothing is left to do, else the instant at which
	// to call again.
	OutsideTend(ctx context.Context, system store.System, id string) (again time.Time, err error)
}

// outsideKeeper is what the passes need. Service of package management fulfils
// it.
type outsideKeeper interface {
	// OutsideCompareAll compares what is known of credentials with what the system
	// has, and answers how much is new.
	OutsideCompareAll(ctx context.Context, system store.System) (found int, err error)
	// OutsideVerifyAll tries out the secrets that nobody has tried out for long,
	// and answers how many.
	OutsideVerifyAll(ctx context.Context, system store.System) (tried int, err error)
}

// Outside are the passes over the credentials of other systems, two for each:
// one compares what is known with what the system has; twice, it finds nothing
// new. One keeps what is known of secrets fresh; twice, it tries out what the
// first has not. That comes more often than each is due, so that many are spread
// over the day.
func Outside(service outsideKeeper) (all []Pass) {
	for _, system := range store.OutsideSystems() {
		all = append(all,
			outsidePass(system.OutsideKind()+"s", "found", system, service.OutsideCompareAll),
			outsidePass(string(system)+"_verifications", "tried", system, service.OutsideVerifyAll))
	}
	return all
}

func outsidePass(name, counted string, system store.System, do func(context.Context, store.System) (int, error)) Pass {
	return Pass{Name: name, Every: time.Hour, Do: func(ctx context.Context) ([]slog.Attr, error) {
		n, err := do(ctx, system)
		if n == 0 {
			return nil, err
		}
		return []slog.Attr{slog.Int(counted, n)}, err
	}}
}

// outsideTend are the jobs, one for each system.
func outsideTend(service outsideTender) (all []due) {
	for _, system := range store.OutsideSystems() {
		all = append(all, due{kind: system.OutsideKind(), field: "id", once: true, do: func(ctx context.Context, id string) (time.Time, error) {
			return service.OutsideTend(ctx, system, id)
		}})
	}
	return all
}
