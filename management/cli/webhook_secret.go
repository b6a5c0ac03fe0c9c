package cli

import "credence/management/client"

// webhookSecret makes a secret and shows it, or writes it to a file.
func (c *command) webhookSecret(file string, create func() (client.WebhookCreated, error)) error {
	return showOnce(c, file, create, func(made *client.WebhookCreated) once {
		return once{
			label: "secret", text: &made.Secret, code: made.Code, lines: c.webhookLines(made.Webhook),
			lost: "webhook " + made.Webhook.WebhookID + " has a new secret, but it is lost", remedy: "rotate it", written: "secret",
			shown: "The secret is shown this once: give it to the receiver now, to verify signatures with.", again: madeBefore,
		}
	})
}
