package main

import (
	"context"
	"time"

	"credence/management"
	"credence/management/jobs"
	"credence/management/webhook"
	"credence/store"
)

// webhooks is what delivers events: the handler of the queue, and the passes.
type webhooks struct {
	deliverer *webhook.Deliverer
	passes    []func(context.Context) error
}

func (d *deployment) newWebhooks(service *management.Service, changes *store.Store, failures *jobs.Failures) (*webhooks, error) {
	reach, err := outgoingOptions(d.config.Outgoing)
	if err != nil {
		return nil, err
	}
	deliverer, err := webhook.New(webhook.Options{
		Store: changes, Service: service, Outgoing: reach, Now: time.Now, Logger: d.logger, Registerer: d.registry, Version: version(),
	})
	if err != nil {
		return nil, err
	}
	w := &webhooks{deliverer: deliverer}
	for _, pass := range []jobs.Pass{jobs.WebhookTurns(changes, time.Now), jobs.WebhookDeliveries(changes, time.Now)} {
		w.passes = append(w.passes, pass.Work(d.logger, failures))
	}
	return w, nil
}

// runJobs works the queue off until ctx ends.
func (w *webhooks) runJobs(ctx context.Context, changes *store.Store, failures *jobs.Failures, handlers map[string]store.JobHandler) error {
	defer w.deliverer.Close()
	handlers[store.KindWebhookDeliver] = w.deliverer.Handle
	return changes.RunJobs(ctx, failures.Counted(handlers))
}
