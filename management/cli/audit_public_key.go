package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"credence/management/client"
	"credence/store/secretfile"
)

func auditPublicKey(c *command) *cobra.Command {
	var out string
	cmd := &cobra.Command{
		Use: "public-key", Short: "show what the checkpoints are verified by",
		Long: `Shows the public halves of the signing keys. Keep them where nobody who can
write the database or its server can write: then "audit verify --public-key"
needs the word of neither. After the keyset was rotated, fetch them anew.`,
		Example: "  credence audit public-key --out audit.pem",
	}
	cmd.Flags().StringVar(&out, "out", "", "new file to write them to")
	return c.verb(cmd, 0, func(ctx context.Context, api *client.Client, _ []string) error {
		keys, err := api.AuditPublicKey(ctx, client.AuditPublicKeyInput{})
		if err != nil {
			return err
		}
		if out != "" {
			if err := secretfile.Create(out, []byte(keys.PublicKeys)); err != nil {
				return usage(fmt.Errorf("--out: %w; name a new file", err))
			}
			return nil
		}
		if c.machine() {
			return c.emit(keys)
		}
		_, err = fmt.Fprint(c.Out, keys.PublicKeys)
		return err
	})
}
