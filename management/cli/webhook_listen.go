package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"credence/management/client"
	"credence/management/signature"
)

// listening is what `webhooks listen` is told.
type listening struct {
	address, url, secretFile, namespace string
	events                              []string
}

func webhookListen(c *command) *cobra.Command {
	var l listening
	cmd := &cobra.Command{
		Use: "listen", Short: "print and verify events on this machine, for development",
		Long: `Listens on a port of this machine, makes a webhook that points there, prints
what comes and whether its signature fits, and deletes the webhook when it is
stopped. The server must be allowed to call back: --outgoing-allow 127.0.0.0/8
for one on this machine; name a tunnel with --url for one elsewhere.

With --secret-file it only listens and verifies, for a webhook that exists.`,
		Example: `  credence webhooks listen --event "key.*"
  credence webhooks listen --listen 127.0.0.1:8099 --url https://tunnel.example.com/in
  credence webhooks listen --listen 127.0.0.1:8099 --secret-file hook.secret`,
	}
	f := cmd.Flags()
	f.StringVar(&l.address, "listen", "127.0.0.1:0", "address to listen on; port 0 picks a free one")
	f.StringVar(&l.url, "url", "", "where the server reaches it (default: the address it listens on)")
	f.StringVar(&l.secretFile, "secret-file", "", "file with the secret of a webhook that exists; none is made then")
	f.StringSliceVar(&l.events, "event", []string{"*"}, "what to be told: a type, a family such as key.*, or *; may be repeated")
	namespaceFlag(cmd, &l.namespace, "told only of this namespace (default: of everything)")
	withServer := c.verb(cmd, 0, func(ctx context.Context, api *client.Client, _ []string) error { return c.listen(ctx, l, api) })
	run := withServer.RunE
	withServer.RunE = func(cmd *cobra.Command, args []string) error {
		if l.secretFile == "" {
			return run(cmd, args)
		}
		return c.listen(cmd.Context(), l, nil) // needs neither a server nor a token
	}
	return withServer
}

// listen prints what comes until ctx ends. Without api there is a secret.
func (c *command) listen(ctx context.Context, l listening, api *client.Client) error {
	at, err := (&net.ListenConfig{}).Listen(ctx, "tcp", l.address)
	if err != nil {
		return usage(fmt.Errorf("--listen: %w", err))
	}
	defer at.Close() //nolint:errcheck // Serve has closed it
	secret, end, err := c.listenSecret(ctx, l, at.Addr().String(), api)
	if err != nil {
		return err
	}
	fmt.Fprintf(c.Err, "listening on %s; stop with Ctrl-C\n", at.Addr())
	err = signature.Serve(ctx, at, signature.Receiver(secret, c.Now, c.printEvent))
	return errors.Join(err, end())
}

// listenSecret is the secret to verify by: the one given, or that of a webhook
// made for the time of listening, which end deletes.
func (c *command) listenSecret(ctx context.Context, l listening, at string, api *client.Client) (signature.Secret, func() error, error) {
	if api == nil {
		raw, err := readSmall(l.secretFile)
		if err != nil {
			return signature.Secret{}, nil, usage(fmt.Errorf("--secret-file: %w", err))
		}
		secret, err := signature.Parse(string(raw))
		if err != nil {
			return signature.Secret{}, nil, usage(fmt.Errorf("--secret-file: %s %w", l.secretFile, err))
		}
		return secret, func() error { return nil }, nil
	}
	made, err := api.WebhookCreate(ctx, client.WebhookCreateInput{Body: client.WebhookCreate{
		Namespace: l.namespace, URL: first(l.url, "http://"+at), Events: l.events, Description: "credence webhooks listen",
	}})
	if err != nil {
		return signature.Secret{}, nil, err
	}
	id := made.Webhook.WebhookID
	end := func() error {
		// The context has ended: that is why we stop.
		lasting, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		tag, err := match("", func() (client.Webhook, error) { return api.WebhookShow(lasting, client.WebhookInput{WebhookID: id}) })
		if err == nil {
			err = api.WebhookDelete(lasting, client.WebhookDeleteInput{WebhookID: id, IfMatch: tag})
		}
		if err != nil {
			return fmt.Errorf("webhook %s was not deleted; delete it with `credence webhooks delete %s`: %w", id, id, err)
		}
		return nil
	}
	secret, err := signature.Parse(made.Secret.Reveal())
	if err != nil {
		return signature.Secret{}, nil, errors.Join(err, end())
	}
	fmt.Fprintf(c.Err, "webhook %s is told of %s until this command ends\n", id, strings.Join(l.events, ", "))
	return secret, end, nil
}

// printEvent prints what came, and beside it that its signature fits. What is not signed is not trusted to be JSON,
// or to be printed as it is.
func (c *command) printEvent(r signature.Received) {
	if r.Err != nil {
		fmt.Fprintf(c.Err, "refused %s: %v\n", printable(r.ID), r.Err)
		return
	}
	fmt.Fprintf(c.Err, "verified %s\n", printable(r.ID))
	var out bytes.Buffer
	if c.machine() || json.Indent(&out, r.Body, "", "  ") != nil {
		out.Reset()
		out.Write(bytes.TrimSpace(r.Body))
	}
	fmt.Fprintln(c.Out, out.String())
}
