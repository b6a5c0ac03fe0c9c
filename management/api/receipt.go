package api

import (
	"context"
	"time"

	"credence/management"
	"credence/management/client"
	"credence/store"
)

// confirmed makes a change and, where the caller wants to wait, answers its
// receipt. The wait is judged first: nothing may be changed and then answered
// with an error.
func confirmed[T any](
	ctx context.Context, c call, in client.WaitInput, at func(T) store.Position, change func() (T, error),
) (T, *client.Receipt, error) {
	var none T
	wait, err := readWait(in.Wait)
	if err != nil {
		return none, nil, err
	}
	changed, err := change()
	if err != nil || in.Wait == "" {
		return changed, nil, err
	}
	return changed, wireReceipt(c.service.Receipt(ctx, at(changed), wait)), nil
}

func readWait(text string) (time.Duration, error) {
	if text == "" {
		return 0, nil
	}
	wait, err := time.ParseDuration(text)
	if err != nil || wait < 0 || wait > management.MaxWait {
		return 0, &management.Error{
			Code: management.CodeInvalidInput, Message: "nothing was changed: how long to wait is not clear",
			Fields: []management.FieldError{{
				Field: "wait", Problem: "is not a time from 0s to " + management.MaxWait.String(), Remedy: "give one such as 2s or 500ms",
			}},
		}
	}
	return wait, nil
}

// patience is how much longer than others a request may take: as long as it
// wants to wait. What is wrong with it is said later, by readWait.
func patience(wait string) time.Duration {
	d, err := readWait(wait)
	if err != nil {
		return 0
	}
	return d
}

func wireReceipt(r management.Receipt) *client.Receipt {
	out := &client.Receipt{
		Revision: int64(r.Revision), State: client.ReceiptPartial, TookMS: r.Took.Milliseconds(), Replicas: r.Replicas,
		Silent: mapped(r.Silent, func(s management.SilentReplica) client.SilentReplica {
			return client.SilentReplica{ID: s.ID, Name: s.Name, Address: s.Address, StopsAt: s.StopsAt.UTC()}
		}),
	}
	if r.Complete {
		out.State = client.ReceiptComplete
	}
	if r.Unasked != nil {
		out.Problem = "the replicas could not be asked: the store cannot answer now"
	}
	return out
}
