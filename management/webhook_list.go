package management

import (
	"context"

	"credence/store"
)

// WebhookList is the input of [Service.WebhookList].
type WebhookList struct {
	Namespace string // "" for all that the actor may see
	Page      PageInput
}

// WebhookPage is a part of the webhooks, by id.
type WebhookPage struct {
	Items []store.Webhook
	Next  store.Cursor // "" when nothing follows
}

// WebhookList lists the webhooks that the actor may see. Those that are told
// of everything are seen by global actors only.
func (s *Service) WebhookList(ctx context.Context, a Actor, in WebhookList) (WebhookPage, error) {
	p := &problems{}
	page := p.page(in.Page)
	if err := p.err("list webhooks"); err != nil {
		return WebhookPage{}, err
	}
	scopes, some := a.visible(in.Namespace)
	if !some {
		return WebhookPage{}, nil
	}
	items, next, err := s.store.Webhooks(ctx, scopes, page)
	if err != nil {
		return WebhookPage{}, failed("list webhooks", err)
	}
	return WebhookPage{Items: items, Next: next}, nil
}
