package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"credence/management/client"
	"credence/store/timespan"
)

// rotateFlags are what rotate can be told.
type rotateFlags struct {
	grace, silence, expires, reason, keyFile, idempotency, ifMatch string
}

func keyRotate(c *command) *cobra.Command {
	var r rotateFlags
	cmd := &cobra.Command{
		Use:   "rotate KEY_ID",
		Short: "make a successor of a key; both work until the grace ends",
		Long: `Makes a key with the same rights and prints its text, once. Both keys are let in
until the grace ends, and share their limits and quotas; then the old one is
revoked. With --close-when-silent that comes early, once nobody has used the old
key for so long. keys rotation shows who still uses it.`,
		Example: `  credence keys rotate key_01jc8zq8m4x0 --grace 24h
  credence keys rotate key_01jc8zq8m4x0 --grace 7d --close-when-silent 1h --key-file orders.key
  credence keys rotate key_01jc8zq8m4x0 --grace 0s --reason leaked --wait 2s`,
	}
	f := cmd.Flags()
	f.StringVar(&r.grace, "grace", "24h", "how long both keys work, e.g. 24h or 7d; 0s revokes the old one at once")
	f.StringVar(&r.silence, "close-when-silent", "", "revoke the old key early, once nobody has used it for so long, e.g. 1h")
	f.StringVar(&r.expires, "expires", "", "how long the new key lives (720h, 30d), until when (2030-01-31T00:00:00Z), or never (default: as long as the old one)")
	f.StringVar(&r.keyFile, "key-file", "", "write the key text to this new file, not to the screen")
	reasonFlag(cmd, &r.reason)
	idempotencyFlag(cmd, &r.idempotency)
	f.StringVar(&r.ifMatch, "if-match", "", `ETag of the state the change is meant for, e.g. '"3"' (default: whatever it is)`)
	c.waitFlag(cmd)
	return c.verb(cmd, 1, func(ctx context.Context, api *client.Client, args []string) error {
		body, err := r.body()
		if err != nil {
			return err
		}
		in := client.KeyRotateInput{
			KeyID: args[0], IfMatch: r.ifMatch, IdempotencyKey: r.idempotency, Body: &body, WaitInput: c.waitInput(),
		}
		if r.keyFile == "" {
			made, err := api.KeyRotate(ctx, in)
			if err != nil {
				return err
			}
			return c.showRotated(made, "")
		}
		var made client.KeyRotated
		written, err := toKeyFile(r.keyFile, func() (*client.KeyCreated, error) {
			var err error
			made, err = api.KeyRotate(ctx, in)
			return &made.KeyCreated, err
		})
		if err != nil {
			return err
		}
		if !written {
			r.keyFile = ""
		}
		return c.showRotated(made, r.keyFile)
	})
}

func (r *rotateFlags) body() (client.KeyRotate, error) {
	body := client.KeyRotate{Reason: r.reason}
	var err error
	if body.Grace, err = length("grace", r.grace); err != nil {
		return body, err
	}
	if body.CloseWhenSilent, err = length("close-when-silent", r.silence); err != nil {
		return body, err
	}
	end, err := lifetime("expires", r.expires)
	body.ExpiresIn, body.ExpiresAt = end.length, end.instant
	if r.expires == "never" {
		body.ExpiresIn = r.expires
	}
	return body, err
}

// length is a length of time as people write it, with days.
func length(flag, value string) (string, error) {
	if value == "" {
		return "", nil
	}
	d, err := timespan.Parse(value)
	if err != nil || d < 0 {
		return "", usage(fmt.Errorf("--%s %q: give a length such as 24h, 90m or 7d", flag, value))
	}
	return d.String(), nil
}

// showRotated prints the successor as a new key is printed, and what becomes of
// the old one. file is where the text went, if not to the screen.
func (c *command) showRotated(made client.KeyRotated, file string) error {
	if c.machine() {
		if err := c.emit(made); err != nil {
			return err
		}
		return c.unconfirmed(made.Receipt)
	}
	lines := append(c.keyLines(made.Key), [2]string{"old key", c.fate(made.Previous)})
	if made.KeyText != "" {
		lines = append(lines, [2]string{"key text", made.KeyText.Reveal()})
	}
	if made.Receipt != nil {
		lines = append(lines, [2]string{"receipt", receiptText(made.Receipt)})
	}
	if err := c.show(made, lines); err != nil {
		return err
	}
	switch {
	case file != "":
		fmt.Fprintf(c.Err, "key text written to %s\n", file)
	case made.KeyText != "":
		fmt.Fprintln(c.Err, "\nThe key text is shown this once and stored nowhere: keep it in a safe place now.")
	case made.Code != "":
		fmt.Fprintln(c.Err, "\nThis key was made by an earlier command with the same --idempotency-key; its text is not shown again. Rotate it to get another.")
	}
	return c.unconfirmed(made.Receipt)
}

// fate is what becomes of a key that was rotated.
func (c *command) fate(k client.Key) string {
	if k.Status != "active" {
		return k.KeyID + " is " + k.Status
	}
	return k.KeyID + " works until " + first(c.when(k.GraceEndsAt), k.GraceEndsAt.Format(time.RFC3339))
}
