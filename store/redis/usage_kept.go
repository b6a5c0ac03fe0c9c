package redis

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"

	"github.com/redis/go-redis/v9"
)

// errUsageNewer is why an entry of a newer version cannot be kept.
var errUsageNewer = errors.New("as many entries of a newer version are kept as there is room for; upgrade the control planes, they come before the replicas")

// keepUsage moves an entry out of the way unless there is no room.
const keepUsage = `if redis.call('XLEN', KEYS[1]) >= tonumber(ARGV[1]) then return 0 end
redis.call('XADD', KEYS[1], '*', 'v', ARGV[2], 'b', ARGV[3], 'm', ARGV[4])
return 1`

// keep puts an entry of a newer version where a control plane of that version
// finds it, so that it holds nobody up and is not lost. Should this process die
// before it is acknowledged, it is kept twice, and added once all the same.
func (u *UsageIngest) keep(ctx context.Context, entry *redis.XMessage, version int) error {
	kept := 0
	err := u.call(ctx, func(ctx context.Context, r redis.UniversalClient) (err error) {
		kept, err = r.Eval(ctx, keepUsage, []string{u.kept()}, u.keeps, version, entry.Values["b"], entry.Values["m"]).Int()
		return err
	})
	if err != nil {
		return fmt.Errorf("keep an entry of version %d: %w", version, err)
	}
	if kept != 1 {
		return u.setAside(ctx, entry, errUsageNewer)
	}
	u.counts.kept.Add(1)
	if u.seldom() {
		u.o.Logger.WarnContext(ctx, "entries of the usage stream are of a newer version and are kept; upgrade the control planes",
			slog.Int("version", version), slog.Int("understood", u.newest), slog.Int64("entries", u.counts.kept.Load()))
	}
	return nil
}

// takeKept adds kept entries that this process understands, some at a time. It
// looks at each entry that it does not understand once.
func (u *UsageIngest) takeKept(ctx context.Context) (done int, err error) {
	now := u.o.Client.options.Now()
	if now.Sub(u.looked).Abs() < usageLook {
		return 0, nil
	}
	var entries []redis.XMessage
	err = u.call(ctx, func(ctx context.Context, r redis.UniversalClient) (err error) {
		entries, err = r.XRangeN(ctx, u.kept(), u.passed, "+", usageRead).Result()
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("read what was kept: %w", err)
	}
	for i := range entries {
		e := &entries[i]
		version, _ := e.Values["v"].(string)
		if n, err := strconv.Atoi(version); err == nil && n > u.newest {
			u.passed, done = "("+e.ID, done+1
			continue
		}
		if err := u.take(ctx, e); err != nil {
			return done, err
		}
		if err := u.call(ctx, func(ctx context.Context, r redis.UniversalClient) error { return r.XDel(ctx, u.kept(), e.ID).Err() }); err != nil {
			return done, fmt.Errorf("drop what was kept: %w", err)
		}
		done++
	}
	if len(entries) < usageRead {
		u.looked = now
	}
	return done, nil
}

func (u *UsageIngest) kept() string { return u.o.Client.Key(usageKept) }
