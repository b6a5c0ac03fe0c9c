package jobs

import (
	"context"

	"credence/store"
)

// useCases is what the handlers need of package management. Its Service
// fulfils it.
type useCases interface {
	blacklistExpirer
	rotationCloser
	reportMaker
	outsideTender
}

// rescheduler enqueues a job anew. [store.Store] fulfils it.
type rescheduler interface {
	Reschedule(ctx context.Context, j store.Job) error
}

// Handlers answers the handler of each kind of job.
func Handlers(service useCases, queue rescheduler) map[string]store.JobHandler {
	handlers := make(map[string]store.JobHandler)
	for _, d := range append(outsideTend(service), blacklistExpire(service), rotationClose(service), reportMake(service)) {
		handlers[d.kind] = d.handler(queue)
	}
	return handlers
}
