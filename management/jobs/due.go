package jobs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"credence/store"
)

// due is a kind of job that does one thing to one object once its time has
// come. It may run any number of times: what is done already is what it wants,
// and what is not due yet, because the clocks of queue and control plane differ
// or the time was put off, gets its job anew.
type due struct {
	kind  string
	field string // of the arguments: the id of the object
	once  bool   // of one object at most one waits for one instant
	// do answers the zero time when nothing is left to do, else the instant at
	// which to call again.
	do func(ctx context.Context, id string) (again time.Time, err error)
}

// errNoObject: the arguments of the job name no object. Trying again does not
// help, but it keeps the job where somebody can see it.
var errNoObject = errors.New("arguments name no object")

func (d due) handler(queue rescheduler) store.JobHandler {
	return func(ctx context.Context, args json.RawMessage) error {
		var of map[string]json.RawMessage
		var id string
		if err := errors.Join(json.Unmarshal(args, &of), json.Unmarshal(of[d.field], &id)); err != nil || id == "" {
			return errors.Join(fmt.Errorf("%s: %w: %q is missing", d.kind, errNoObject, d.field), err)
		}
		again, err := d.do(ctx, id)
		if err != nil {
			return fmt.Errorf("%s: %w", d.kind, err)
		}
		if again.IsZero() {
			return nil
		}
		if err := queue.Reschedule(ctx, store.Job{Kind: d.kind, Args: args, RunAt: again, Once: d.once}); err != nil {
			return fmt.Errorf("%s: reschedule: %w", d.kind, err)
		}
		return nil
	}
}
