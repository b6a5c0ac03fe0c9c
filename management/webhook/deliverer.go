package webhook

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"credence/management/outgoing"
	"credence/management/signature"
	"credence/store"
)

// The times of a turn.
const (
	turnLength = 20 * time.Second // after that, no delivery of this turn begins
	// turnLease is how long nobody else takes the turn: more than a turn, its
	// last call and its last words take.
	turnLease = 2 * time.Minute
	// endTimeout bounds giving the turn back when the process is told to end.
	endTimeout = 5 * time.Second
	// callTimeout bounds one call, the answer included.
	callTimeout = 10 * time.Second
	// turnBatch is how many deliveries are read at a time.
	turnBatch = 20
)

// turns is what a Deliverer needs of the store. [store.Store] fulfils it.
type turns interface {
	BeginTurn(ctx context.Context, id string, until time.Time) (store.Webhook, bool, error)
	EndTurn(ctx context.Context, id string, until time.Time) error
	DueDeliveries(ctx context.Context, webhookID string, at time.Time, limit int) ([]store.Delivery, error)
	RecordTry(ctx context.Context, d store.Delivery, progress func(*store.Webhook)) error
	Open(sealed, associated []byte) ([]byte, error)
}

// disabler is the use-case that ends the calls. Service of package management
// fulfils it.
type disabler interface {
	WebhookGiveUp(ctx context.Context, id, reason string) error
}

// Options is what a Deliverer needs. All fields but Timeout and Pace are
// required.
type Options struct {
	Store      turns
	Service    disabler
	Outgoing   outgoing.Options // its Timeout, MaxBody and Ports are set here
	Now        func() time.Time
	Logger     *slog.Logger
	Registerer prometheus.Registerer
	Version    string // of the program, for the User-Agent

	Timeout time.Duration // of one call; 0 means 10 s
	Pace    func(rate int) Pacer
}

// Deliverer takes turns. It is safe for concurrent use.
type Deliverer struct {
	o       Options
	client  *http.Client
	paces   *paces
	metrics *metrics
}

// New answers an error that names the option that is missing.
func New(o Options) (*Deliverer, error) {
	switch {
	case o.Store == nil:
		return nil, errors.New("webhooks: option Store is missing")
	case o.Service == nil:
		return nil, errors.New("webhooks: option Service is missing")
	case o.Now == nil:
		return nil, errors.New("webhooks: option Now is missing")
	case o.Logger == nil:
		return nil, errors.New("webhooks: option Logger is missing")
	case o.Registerer == nil:
		return nil, errors.New("webhooks: option Registerer is missing")
	}
	if o.Timeout == 0 {
		o.Timeout = callTimeout
	}
	if o.Pace == nil {
		o.Pace = pace
	}
	// The answer's length is no matter: only its beginning is read.
	o.Outgoing.Timeout, o.Outgoing.MaxBody, o.Outgoing.Ports = o.Timeout, 1<<40, outgoing.WebPorts
	m, err := newMetrics(o.Registerer)
	if err != nil {
		return nil, err
	}
	return &Deliverer{o: o, client: outgoing.NewClient(o.Outgoing), paces: newPaces(o.Pace), metrics: m}, nil
}

// Close lets go of idle connections.
func (d *Deliverer) Close() { d.client.CloseIdleConnections() }

// Handle is the [store.JobHandler] of [store.KindWebhookDeliver]. It may run
// any number of times: whoever finds the turn taken, or nothing to do, leaves.
func (d *Deliverer) Handle(ctx context.Context, args json.RawMessage) error {
	id, err := store.WebhookOfJob(args)
	if err == nil {
		err = d.Turn(ctx, id)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", store.KindWebhookDeliver, err)
	}
	return nil
}

// Turn delivers what is due to a webhook, unless somebody else does.
func (d *Deliverer) Turn(ctx context.Context, id string) error {
	started := d.o.Now()
	until := started.Add(turnLease).UTC().Truncate(time.Microsecond)
	hook, mine, err := d.o.Store.BeginTurn(ctx, id, until)
	if err != nil || !mine {
		return err
	}
	if !hook.Progress.PausedUntil.After(started) {
		// After an error the turn is not given back: it would be taken again at
		// once, and fail again. It is taken anew when its time is over.
		if err := d.deliverDue(ctx, &hook, started.Add(turnLength)); err != nil && ctx.Err() == nil {
			return fmt.Errorf("webhook %s: %w", id, err)
		}
	}
	// Also when the process is told to end: the next one goes on at once.
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTimeout)
	defer cancel()
	return d.o.Store.EndTurn(ending, id, until)
}

// deliverDue delivers until nothing is due, the time is over, or the webhook
// is to be left alone.
func (d *Deliverer) deliverDue(ctx context.Context, hook *store.Webhook, end time.Time) error {
	secrets, err := d.secrets(hook)
	if err != nil {
		return err
	}
	for {
		due, err := d.o.Store.DueDeliveries(ctx, hook.ID, d.o.Now(), turnBatch)
		if err != nil {
			return err
		}
		for i := range due {
			if d.paces.wait(hook.ID, hook.Rate); ctx.Err() != nil || !d.o.Now().Before(end) {
				return ctx.Err()
			}
			if goOn, err := d.deliver(ctx, hook, &due[i], secrets); err != nil || !goOn {
				return err
			}
		}
		if len(due) < turnBatch {
			return nil
		}
	}
}

// secrets are what deliveries are signed with: the secret, and the one before
// it while its time lasts.
func (d *Deliverer) secrets(hook *store.Webhook) ([]signature.Secret, error) {
	sealed := [][]byte{hook.Secret}
	if len(hook.PreviousSecret) > 0 && d.o.Now().Before(hook.PreviousUntil) {
		sealed = append(sealed, hook.PreviousSecret)
	}
	var secrets []signature.Secret
	for _, s := range sealed {
		plain, err := d.o.Store.Open(s, store.WebhookAssociatedData(hook.ID))
		if err != nil {
			return nil, fmt.Errorf("open its secret: %w", err)
		}
		secret, err := signature.Parse(string(plain))
		if err != nil {
			return nil, fmt.Errorf("its secret: %w", err)
		}
		secrets = append(secrets, secret)
	}
	return secrets, nil
}

// deliver makes one attempt and writes down what came of it. goOn is false
// when the webhook is to be left alone for now.
func (d *Deliverer) deliver(ctx context.Context, hook *store.Webhook, of *store.Delivery, secrets []signature.Secret) (goOn bool, err error) {
	made := d.send(ctx, hook.URL, of, secrets)
	if ctx.Err() != nil {
		return false, ctx.Err() // our end, not the receiver's fault; it may get this again
	}
	d.metrics.tried(made.try.Outcome, made.try.Latency)
	now := d.o.Now()
	settle(of, made, now)
	var giveUp string
	// The write outlives the end of the process: what was delivered need not
	// be delivered twice.
	lasting, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTimeout)
	defer cancel()
	err = d.o.Store.RecordTry(lasting, *of, func(w *store.Webhook) {
		progress(&w.Progress, made, now)
		if w.Enabled() {
			giveUp = reasonToGiveUp(&w.Progress, made, now)
		}
		// What was changed meanwhile holds from the next delivery on; of one that
		// is gone, nobody asks here.
		goOn = w.Enabled() && w.Version == hook.Version && !w.Progress.PausedUntil.After(now) && giveUp == ""
	})
	if err == nil && giveUp != "" {
		err = d.o.Service.WebhookGiveUp(lasting, hook.ID, giveUp)
		d.o.Logger.WarnContext(ctx, "webhook disabled", slog.String("webhook_id", hook.ID), slog.String("reason", giveUp))
	}
	return goOn, err
}
