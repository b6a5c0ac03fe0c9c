package cli

import (
	"fmt"

	"credence/management/client"
)

// webhookSecret makes a secret and shows it, or writes it to a file.
func (c *command) webhookSecret(file string, create func() (client.WebhookCreated, error)) error {
	if file == "" {
		made, err := create()
		if err != nil {
			return err
		}
		return c.showWebhookSecret(made)
	}
	var made client.WebhookCreated
	written, err := textToFile("--save-to", file, func() (string, error) {
		var err error
		made, err = create()
		return made.Secret.Reveal(), err
	}, func(why error) error {
		return fmt.Errorf("webhook %s has a new secret, but it is lost: %w: rotate it", made.Webhook.WebhookID, why)
	})
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
