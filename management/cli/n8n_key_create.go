package cli

import (
	"context"

	"github.com/spf13/cobra"

	"credence/management/client"
)

// n8nKeys are the verbs on API keys of n8n accounts.
func n8nKeys(c *command) *cobra.Command {
	return c.group("keys", "API keys of n8n accounts", n8nKeyExamples,
		n8nKeyCreate(c), n8nKeyList(c), n8nKeyShow(c), n8nKeyVerify(c), n8nKeyRotate(c), n8nKeyCollect(c), n8nKeyCompare(c), n8nKeyAdopt(c), n8nKeyDelete(c))
}

const n8nKeyExamples = `  credence n8n keys create --connection main --name ci --scope workflow:read
  credence n8n keys list --connection main
  credence n8n keys rotate KEY_ID --overlap 2d`

func n8nKeyCreate(c *command) *cobra.Command {
	var body client.N8NKeyCreate
	var life outsideLife
	var file, idempotency string
	cmd := &cobra.Command{
		Use: "create --connection NAME --name NAME --scope SCOPE", Short: "make an API key, and show its secret, once",
		Long: `Makes an API key for the account of the connection, within its scopes. The label
is the name with a random suffix. With --rotate-every another takes over in
time, whose secret is fetched with collect. The secret is printed this once;
with --save-to it goes to a new file (mode 0600) instead.`,
		Example: `  credence n8n keys create --connection main --name ci --scope workflow:read
  credence n8n keys create --connection main --name deploy --scope workflow:create --owner team-a --expires 90d --save-to deploy.key`,
	}
	f := cmd.Flags()
	f.StringVar(&body.Connection, "connection", "", "name of the connection")
	f.StringVar(&body.Name, "name", "", "begins its label")
	f.StringSliceVar(&body.Scopes, "scope", nil, "what it may do, such as workflow:read; may be repeated")
	f.StringVar(&body.Owner, "owner", "", "who answers for it")
	f.StringVar(&body.Description, "description", "", "for people")
	life.flags(f)
	secretFileFlag(cmd, &file)
	idempotencyFlag(cmd, &idempotency)
	return c.verb(cmd, 0, func(ctx context.Context, api *client.Client, _ []string) error {
		var err error
		if body.ExpiresIn, body.ExpiresAt, body.RotateEvery, body.Overlap, err = life.read(); err != nil {
			return err
		}
		return c.n8nSecret(file, func() (client.N8NKeyCreated, error) {
			return api.N8NKeyCreate(ctx, client.N8NKeyCreateInput{IdempotencyKey: idempotency, Body: body})
		})
	})
}

// n8nSecret makes or fetches a key with its secret, and shows both.
func (c *command) n8nSecret(file string, create func() (client.N8NKeyCreated, error)) error {
	return showOnce(c, file, create, func(made *client.N8NKeyCreated) once {
		return once{
			label: "secret", text: &made.Secret, code: made.Code, lines: c.n8nKeyLines(made.Key),
			lost: secretWasMade, remedy: "rotate the key", written: "secret", shown: shownToUser, again: madeBefore,
		}
	})
}

// n8nKeyLines are a key for people.
func (c *command) n8nKeyLines(t client.N8NKey) [][2]string {
	lines := [][2]string{
		{"key", t.ID},
		{"connection", first(t.Connection, t.ConnectionID)},
		{"namespace", first(t.Namespace, "(all)")},
		{"account", t.Login},
		{"label", t.Label},
		{"scopes", listText(t.Scopes)},
		{"owner", t.Owner},
		{"description", t.Description},
		{"state", t.State},
		{"ends with", t.LastFour},
	}
	if t.N8NKeyID != "" {
		lines = append(lines, [2]string{"id there", t.N8NKeyID})
	}
	if t.SecretWaits {
		lines = append(lines, [2]string{"secret", "waits: collect it, once"})
	}
	lines = append(lines, [2]string{"ends", c.when(t.ExpiresAt)}, [2]string{"rotated every", t.RotateEvery},
		[2]string{"takes over from", t.Predecessor}, [2]string{"taken over by", t.Successor},
		[2]string{"last used", c.when(t.LastUsedAt)})
	if t.Outcome != "" {
		lines = append(lines, [2]string{"verified", t.Outcome + ", " + c.when(t.VerifiedAt)})
	}
	return append(lines, [2]string{"made by", t.CreatedBy}, [2]string{"made", c.when(t.CreatedAt)})
}
