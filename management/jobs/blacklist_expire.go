package jobs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"credence/store"
)

// KindBlacklistExpire is the job that removes a blacklist rule at its end.
const KindBlacklistExpire = "blacklist_expire"

// blacklistExpirer is the use-case. Service of package management fulfils it.
type blacklistExpirer interface {
	// BlacklistExpire removes a rule whose time is over and answers the zero
	// time when it is gone, else the instant at which to call again.
	BlacklistExpire(ctx context.Context, id string) (again time.Time, err error)
}

// errNoRule: the arguments of the job do not name a rule. Trying again does
// not help, but it keeps the job where somebody can see it.
var errNoRule = errors.New("arguments name no rule")

// blacklistExpire removes one rule. It may run any number of times: a rule
// that is gone is what it wants, and one that has not ended yet, because the
// clocks of queue and control plane differ, gets its job anew.
func blacklistExpire(rules blacklistExpirer, queue rescheduler) store.JobHandler {
	return func(ctx context.Context, args json.RawMessage) error {
		var of struct {
			ID string `json:"id"`
		}
		if err := json.Unmarshal(args, &of); err != nil {
			return fmt.Errorf("%s: %w: %w", KindBlacklistExpire, errNoRule, err)
		}
		if of.ID == "" {
			return fmt.Errorf("%s: %w", KindBlacklistExpire, errNoRule)
		}
		again, err := rules.BlacklistExpire(ctx, of.ID)
		if err != nil {
			return fmt.Errorf("%s: %w", KindBlacklistExpire, err)
		}
		if again.IsZero() {
			return nil
		}
		if err := queue.Reschedule(ctx, store.Job{Kind: KindBlacklistExpire, Args: args, RunAt: again}); err != nil {
			return fmt.Errorf("%s: reschedule: %w", KindBlacklistExpire, err)
		}
		return nil
	}
}
