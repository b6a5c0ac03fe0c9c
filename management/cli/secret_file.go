package cli

import (
	"fmt"
	"os"

	"credence/management/client"
)

// secretTo makes a secret and writes it to a new file; "" for none: then it is
// answered. The file comes first: one that cannot be written must not cost a
// secret that was made. lost says what to do when the secret could not be
// written.
func (c *command) secretTo(file, lost string, create func() (client.KeyText, error)) (client.KeyText, error) {
	if file == "" {
		return create()
	}
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) //nolint:gosec // the caller names the file
	if err != nil {
		return "", usage(fmt.Errorf("--save-to: %w: name a new file in a folder that can be written", err))
	}
	secret, err := create()
	if err == nil && secret != "" {
		if _, err = f.WriteString(secret.Reveal() + "\n"); err != nil {
			err = fmt.Errorf("the secret was made, but it is lost: %w: %s", err, lost)
		}
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err != nil || secret == "" {
		if removed := os.Remove(file); err == nil {
			err = removed
		}
		return "", err
	}
	fmt.Fprintf(c.Err, "secret written to %s\n", file)
	return "", nil
}
