package anchor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
)

// doer makes calls. The client of package management/outgoing is meant: it
// judges the addresses it connects to.
type doer interface {
	Do(r *http.Request) (*http.Response, error)
}

// Webhook posts to an address.
type Webhook struct {
	address string
	client  doer
}

// NewWebhook checks the address. Credentials do not belong in it: it is shown
// to whoever may list the anchors.
func NewWebhook(address string, client doer) (*Webhook, error) {
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
		return nil, errors.New("webhook: is no address such as https://anchor.example.com/credence")
	case u.User != nil:
		return nil, fmt.Errorf("webhook %s: has credentials in the address, where they would be shown; leave them out", u.Redacted())
	}
	return &Webhook{address: address, client: client}, nil
}

// Name is the address.
func (w *Webhook) Name() string { return w.address }

// Hold posts the lines (application/jsonl). Only an answer of 2xx means that
// they are kept.
func (w *Webhook) Hold(ctx context.Context, lines []byte) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, w.address, bytes.NewReader(lines))
	if err != nil {
		return fmt.Errorf("anchor: %w", err)
	}
	r.Header.Set("Content-Type", "application/jsonl")
	r.Header.Set("User-Agent", "credence")
	answer, err := w.client.Do(r)
	if err != nil {
		return fmt.Errorf("anchor: %w", err)
	}
	// Read to its end, which the client bounds: the connection can be used again.
	_, err = io.Copy(io.Discard, answer.Body)
	err = errors.Join(err, answer.Body.Close())
	if answer.StatusCode < 200 || answer.StatusCode > 299 {
		return fmt.Errorf("anchor: %s answers %s", w.address, answer.Status)
	}
	if err != nil {
		return fmt.Errorf("anchor: %w", err)
	}
	return nil
}
