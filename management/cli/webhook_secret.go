package cli

import (
	"fmt"
	"os"

	"credence/management/client"
)

// webhookSecret makes a secret and shows it, or writes it to a file. The file
// comes first: one that cannot be written must not cost a secret that was made.
func (c *command) webhookSecret(file string, create func() (client.WebhookCreated, error)) error {
	if file == "" {
		made, err := create()
		if err != nil {
			return err
		}
		return c.showWebhookSecret(made)
	}
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) //nolint:gosec // the caller names the file
	if err != nil {
		return usage(fmt.Errorf("--save-to: %w: name a new file in a folder that can be written", err))
	}
	made, err := create()
	if err == nil && made.Secret != "" {
		if _, err = f.WriteString(made.Secret.Reveal() + "\n"); err != nil {
			err = fmt.Errorf("webhook %s has a new secret, but it is lost: %w: rotate it", made.Webhook.WebhookID, err)
		}
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	written := err == nil && made.Secret != ""
	if !written {
		if removed := os.Remove(file); err == nil {
			err = removed
		}
	}
	if err != nil {
		return err
	}
	made.Secret = ""
	if err := c.showWebhookSecret(made); err != nil || !written {
		return err
	}
	fmt.Fprintf(c.Err, "secret written to %s\n", file)
	return nil
}

func (c *command) showWebhookSecret(made client.WebhookCreated) error {
	lines := c.webhookLines(made.Webhook)
	if made.Secret != "" {
		lines = append(lines, [2]string{"secret", made.Secret.Reveal()})
	}
	if err := c.show(made, lines); err != nil || c.machine() {
		return err
	}
	switch {
	case made.Secret != "":
		fmt.Fprintln(c.Err, "\nThe secret is shown this once: give it to the receiver now, to verify signatures with.")
	case made.Code != "":
		fmt.Fprintln(c.Err, "\nMade by an earlier command with the same --idempotency-key; its secret is not shown again.")
	}
	return nil
}
