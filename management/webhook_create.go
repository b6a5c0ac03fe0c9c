package management

import (
	"context"

	"credence/management/signature"
	"credence/store"
)

// WebhookCreate is the input of [Service.WebhookCreate].
type WebhookCreate struct {
	Namespace   string // "" is told of everything; only global actors may
	URL         string
	Description string
	Events      []string // filters: "key.revoked", "key.*", "*"
	Rate        int      // deliveries in a second; 0 means 10

	Idempotency Idempotency
}

// WebhookCreated is the answer of everything that makes a secret.
type WebhookCreated struct {
	Webhook  store.Webhook
	Secret   signature.Secret // shown this once; zero when Replayed
	Replayed bool             // made by an earlier, equal request
}

// WebhookCreate has an address told of events from now on. Its secret is in
// the answer and nowhere else; the store holds it sealed.
func (s *Service) WebhookCreate(ctx context.Context, a Actor, in WebhookCreate) (WebhookCreated, error) {
	if in.Namespace == "" && !a.Global() {
		return WebhookCreated{}, refuse(CodeForbidden, "webhook: one for every namespace can be made only by a token "+
			"that is not limited to namespaces; name one of yours")
	}
	out, _, err := transact(ctx, s, a, "webhook", func(ctx context.Context, t *transaction) (WebhookCreated, error) {
		switch id, err := t.replayed(ctx, in.Idempotency); {
		case err != nil:
			return WebhookCreated{}, err
		case id != "":
			w, err := t.webhook(ctx, id)
			return WebhookCreated{Webhook: w, Replayed: true}, err
		}
		w, err := s.newWebhook(ctx, t, &in)
		if err != nil {
			return WebhookCreated{}, err
		}
		secret, err := s.newWebhookSecret(&w)
		if err != nil {
			return WebhookCreated{}, err
		}
		if err := t.InsertWebhook(ctx, w); err != nil {
			return WebhookCreated{}, err
		}
		t.recordWebhook("webhook.create", &w, details{After: webhookFacts(&w)})
		return WebhookCreated{Webhook: w, Secret: secret}, t.remember(ctx, in.Idempotency, w.ID)
	})
	return out, err
}

// newWebhook checks the input and answers the webhook it describes, without
// its secret.
func (s *Service) newWebhook(ctx context.Context, t *transaction, in *WebhookCreate) (store.Webhook, error) {
	p := &problems{now: t.Now()}
	if in.Namespace != "" {
		if _, err := t.home(ctx, p, in.Namespace); err != nil {
			return store.Webhook{}, err
		}
	}
	id, err := store.NewID(store.WebhookIDPrefix, t.Now(), s.random)
	if err != nil {
		return store.Webhook{}, err
	}
	w := store.Webhook{
		ID: id, Namespace: in.Namespace, URL: p.webhookURL(s.outgoing, in.URL), Description: p.description(in.Description),
		Events: p.eventFilters(in.Events), Rate: p.webhookRate(in.Rate),
		CreatedBy: t.actor.ID, CreatedAt: t.Now(), UpdatedAt: t.Now(), Version: 1,
	}
	p.idempotencyKey(in.Idempotency)
	if err := p.err("webhook"); err != nil {
		return store.Webhook{}, err
	}
	there, _, err := t.Webhooks(ctx, []string{in.Namespace}, store.Page{Limit: maxWebhooks})
	if err == nil && len(there) >= maxWebhooks {
		err = refuse(CodeConflict, "webhook: there are %d already in this namespace, the most it may be; delete one first", maxWebhooks)
	}
	return w, err
}

// newWebhookSecret gives a webhook another secret.
func (s *Service) newWebhookSecret(w *store.Webhook) (signature.Secret, error) {
	secret, err := signature.New(s.random)
	if err != nil {
		return secret, err
	}
	w.Secret, err = s.store.Seal([]byte(secret.Reveal()), store.WebhookAssociatedData(w.ID))
	return secret, err
}
