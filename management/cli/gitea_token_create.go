package cli

import (
	"context"
	"strconv"

	"github.com/spf13/cobra"

	"credence/management/client"
)

// giteaTokens are the verbs on access tokens of Gitea users.
func giteaTokens(c *command) *cobra.Command {
	return c.group("tokens", "access tokens of Gitea users", giteaTokenExamples,
		giteaTokenCreate(c), giteaTokenList(c), giteaTokenShow(c), giteaTokenVerify(c), giteaTokenRotate(c), giteaTokenCollect(c), giteaTokenCompare(c), giteaTokenAdopt(c), giteaTokenDelete(c))
}

const giteaTokenExamples = `  credence gitea tokens create --connection main --login alice --name ci --scope read:repository
  credence gitea tokens list --connection main
  credence gitea tokens rotate TOKEN_ID --overlap 2d`

func giteaTokenCreate(c *command) *cobra.Command {
	var body client.GiteaTokenCreate
	var life outsideLife
	var file, idempotency string
	cmd := &cobra.Command{
		Use: "create --connection NAME --login USER --name NAME --scope SCOPE", Short: "make an access token of a user, and show its secret, once",
		Long: `Makes an access token of a Gitea user, within the users and scopes of the
connection. Its name gets a random suffix. Gitea knows no end of a token:
--expires has it deleted then. With --rotate-every another takes over in time,
whose secret is fetched with collect. The secret is printed this once; with
--save-to it goes to a new file (mode 0600) instead.`,
		Example: `  credence gitea tokens create --connection main --login alice --name ci --scope read:repository
  credence gitea tokens create --connection main --login ci-bot --name deploy --scope write:repository --owner team-a --expires 90d --save-to deploy.token`,
	}
	f := cmd.Flags()
	f.StringVar(&body.Connection, "connection", "", "name of the connection")
	f.StringVar(&body.Login, "login", "", "the user")
	f.StringVar(&body.Name, "name", "", "begins its name on the server")
	f.StringSliceVar(&body.Scopes, "scope", nil, "what it may do, such as read:repository; may be repeated")
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
		return c.giteaSecret(file, func() (client.GiteaTokenCreated, error) {
			return api.GiteaTokenCreate(ctx, client.GiteaTokenCreateInput{IdempotencyKey: idempotency, Body: body})
		})
	})
}

// giteaSecret makes or fetches a token with its secret, and shows both.
func (c *command) giteaSecret(file string, create func() (client.GiteaTokenCreated, error)) error {
	return showOnce(c, file, create, func(made *client.GiteaTokenCreated) once {
		return once{
			label: "secret", text: &made.Secret, code: made.Code, lines: c.giteaTokenLines(made.Token),
			lost: secretWasMade, remedy: "rotate the token", written: "secret", shown: shownToUser, again: madeBefore,
		}
	})
}

// giteaTokenLines are a token for people.
func (c *command) giteaTokenLines(t client.GiteaToken) [][2]string {
	lines := [][2]string{
		{"token", t.TokenID},
		{"connection", first(t.Connection, t.ConnectionID)},
		{"namespace", first(t.Namespace, "(all)")},
		{"user", t.Login},
		{"name", t.TokenName},
		{"scopes", listText(t.Scopes)},
		{"owner", t.Owner},
		{"description", t.Description},
		{"state", t.State},
		{"ends with", t.LastEight},
	}
	if t.GiteaTokenID != 0 {
		lines = append(lines, [2]string{"id there", strconv.FormatInt(t.GiteaTokenID, 10)})
	}
	if t.SecretWaits {
		lines = append(lines, [2]string{"secret", "waits: collect it, once"})
	}
	lines = append(lines, [2]string{"deleted", c.when(t.ExpiresAt)}, [2]string{"rotated every", t.RotateEvery},
		[2]string{"takes over from", t.Predecessor}, [2]string{"taken over by", t.Successor},
		[2]string{"last used", c.when(t.LastUsedAt)})
	if t.Outcome != "" {
		lines = append(lines, [2]string{"verified", t.Outcome + ", " + c.when(t.VerifiedAt)})
	}
	return append(lines, [2]string{"made by", t.CreatedBy}, [2]string{"made", c.when(t.CreatedAt)})
}
