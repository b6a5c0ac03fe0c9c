package cli

import (
	"errors"
	"fmt"
	"io"

	"credence/management/client"
	"credence/store/secretfile"
)

// textToFile makes a text that is shown once and writes it to a new file. The
// file comes first: one that cannot be written must not cost a text that was
// made. There is no text when a repeated request answers what was made before;
// then there is no file. lost says what was made and what to do about it.
func textToFile(flag, name string, create func() (string, error), lost func(why error) error) (written bool, err error) {
	f, err := secretfile.New(name)
	if err != nil {
		return false, usage(fmt.Errorf("%s: %w: name a new file in a folder that can be written", flag, err))
	}
	text, err := create()
	if err != nil || text == "" {
		if gone := f.Discard(); err == nil {
			err = gone
		}
		return false, err
	}
	if _, err := io.WriteString(f, text+"\n"); err != nil {
		return false, lost(errors.Join(err, f.Discard()))
	}
	if err := f.Keep(); err != nil {
		return false, lost(err)
	}
	return true, nil
}

// secretTo makes a secret and writes it to a new file; "" for none: then it is
// answered. lost says what to do when the secret could not be written.
func (c *command) secretTo(file, lost string, create func() (client.KeyText, error)) (client.KeyText, error) {
	if file == "" {
		return create()
	}
	written, err := textToFile("--save-to", file, func() (string, error) {
		secret, err := create()
		return secret.Reveal(), err
	}, func(why error) error {
		return fmt.Errorf("the secret was made, but it is lost: %w: %s", why, lost)
	})
	if written {
		fmt.Fprintf(c.Err, "secret written to %s\n", file)
	}
	return "", err
}
