package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"credence/management/client"
)

// keyFields are the flags that create and update share.
type keyFields struct {
	name, owner, plan, expires, notBefore, rotate                   string
	scopes, limits, quotas, networks, hosts, methods, paths, labels []string
}

func (k *keyFields) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&k.name, "name", "", "name for people")
	f.StringVar(&k.owner, "owner", "", "owner it belongs to")
	f.StringVar(&k.plan, "plan", "", "plan whose limits it shares")
	f.StringSliceVar(&k.scopes, "scope", nil, "permission word, e.g. orders:read; may be repeated")
	f.StringArrayVar(&k.limits, "limit", nil, `rate, e.g. 10/s or "search=100/m burst 20"; may be repeated`)
	f.StringArrayVar(&k.quotas, "quota", nil, "calendar budget, e.g. 10000/day; may be repeated")
	f.StringVar(&k.expires, "expires", "", "how long it lives (720h, 30d), until when (2030-01-31T00:00:00Z), or never")
	f.StringVar(&k.rotate, "rotate-every", "", "how long after it was made it is to have a successor, e.g. 90d (default: as its policy says)")
	f.StringVar(&k.notBefore, "not-before", "", "refuse it before this instant (RFC 3339)")
	f.StringSliceVar(&k.networks, "network", nil, "client network allowed, e.g. 10.0.0.0/8; may be repeated")
	f.StringSliceVar(&k.hosts, "host", nil, "host allowed, exact or *.example.com; may be repeated")
	f.StringSliceVar(&k.methods, "method", nil, "HTTP method allowed; may be repeated")
	f.StringArrayVar(&k.paths, "path", nil, "path allowed, /a/b or /a/*; may be repeated")
	f.StringArrayVar(&k.labels, "label", nil, "name=value for people and filters; may be repeated")
}

func keyCreate(c *command) *cobra.Command {
	var k keyFields
	var namespace, keyType, environment, reason, keyFile, idempotency string
	cmd := &cobra.Command{
		Use:   "create --name NAME",
		Short: "make a key and show its text, once",
		Long: `Makes a key. The key text is printed this once and stored nowhere; with
--key-file it goes to a new file (mode 0600) instead.`,
		Example: `  credence keys create --name orders --scope orders:read --limit 10/s --expires 720h
  credence keys create --name ci --type integration --owner team-a --plan basic --expires 30d --key-file ci.key
  credence keys create --name batch --limit "search=100/m burst 20" --quota 10000/day -o json`,
	}
	k.flags(cmd)
	namespaceFlag(cmd, &namespace, "namespace to make it in (default: default)")
	cmd.Flags().StringVar(&keyType, "type", "", "user, service, integration, system or emergency (default: service)")
	cmd.Flags().StringVar(&environment, "environment", "", "word in the key text (default: the namespace's)")
	cmd.Flags().StringVar(&keyFile, "key-file", "", "write the key text to this new file, not to the screen")
	reasonFlag(cmd, &reason)
	idempotencyFlag(cmd, &idempotency)
	return c.verb(cmd, 0, func(ctx context.Context, api *client.Client, _ []string) error {
		body, err := k.create()
		if err != nil {
			return err
		}
		body.Namespace, body.KeyType, body.Environment, body.Reason = namespace, keyType, environment, reason
		in := client.KeyCreateInput{IdempotencyKey: idempotency, Body: body}
		if keyFile == "" {
			made, err := api.KeyCreate(ctx, in)
			if err != nil {
				return err
			}
			return c.showCreated(made)
		}
		return c.createToFile(ctx, api, in, keyFile)
	})
}

func (k *keyFields) create() (client.KeyCreate, error) {
	body := client.KeyCreate{
		Name: k.name, Owner: k.owner, Plan: k.plan, Scopes: cleared(k.scopes), Networks: cleared(k.networks),
		Hosts: cleared(k.hosts), Methods: cleared(k.methods), Paths: cleared(k.paths),
	}
	var err error
	if body.Limits, err = limits(k.limits); err != nil {
		return body, err
	}
	if body.Quotas, err = quotas(k.quotas); err != nil {
		return body, err
	}
	if body.Labels, err = labels(k.labels); err != nil {
		return body, err
	}
	end, err := lifetime("expires", k.expires)
	if err != nil {
		return body, err
	}
	body.ExpiresIn, body.ExpiresAt = end.length, end.instant
	if body.RotateEvery, err = length("rotate-every", k.rotate); err != nil {
		return body, err
	}
	body.NotBefore, err = instant("not-before", k.notBefore)
	return body, err
}

func instant(flag, value string) (time.Time, error) {
	if value == "" {
		return time.Time{}, nil
	}
	at, err := time.Parse(time.RFC3339, value)
	if err != nil {
		return at, usage(fmt.Errorf("--%s %q: give an instant such as 2030-01-31T00:00:00Z", flag, value))
	}
	return at, nil
}

func (c *command) createToFile(ctx context.Context, api *client.Client, in client.KeyCreateInput, name string) error {
	var made client.KeyCreated
	written, err := toKeyFile(name, func() (*client.KeyCreated, error) {
		var err error
		made, err = api.KeyCreate(ctx, in)
		return &made, err
	})
	if err != nil {
		return err
	}
	if err := c.showCreated(made); err != nil || !written {
		return err
	}
	fmt.Fprintf(c.Err, "key text written to %s\n", name)
	return nil
}

// toKeyFile has a key made and moves its text from the answer to a new file,
// if there is a text.
func toKeyFile(name string, create func() (*client.KeyCreated, error)) (written bool, err error) {
	var made *client.KeyCreated
	return textToFile("--key-file", name, func() (string, error) {
		var err error
		made, err = create()
		text := made.KeyText.Reveal()
		made.KeyText = ""
		return text, err
	}, func(why error) error {
		return fmt.Errorf("key %s was made, but its text is lost: %w: revoke it and make another", made.Key.KeyID, why)
	})
}

func (c *command) showCreated(made client.KeyCreated) error {
	if c.machine() {
		return c.emit(made)
	}
	lines := c.keyLines(made.Key)
	if made.KeyText != "" {
		lines = append(lines, [2]string{"key text", made.KeyText.Reveal()})
	}
	if err := c.show(made, lines); err != nil {
		return err
	}
	switch {
	case made.KeyText != "":
		fmt.Fprintln(c.Err, "\nThe key text is shown this once and stored nowhere: keep it in a safe place now.")
	case made.Code != "":
		fmt.Fprintln(c.Err, "\nThis key was made by an earlier command with the same --idempotency-key; its text is not shown again.")
	}
	return nil
}
