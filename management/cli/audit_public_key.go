package cli

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"credence/management/client"
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
			f, err := os.OpenFile(out, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644) //nolint:gosec // they are for everybody
			if err != nil {
				return usage(fmt.Errorf("--out: %w; name a new file", err))
			}
			_, err = f.WriteString(keys.PublicKeys)
			return errors.Join(err, f.Close())
		}
		if c.machine() {
			return c.emit(keys)
		}
		_, err = fmt.Fprint(c.Out, keys.PublicKeys)
		return err
	})
}
