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

// once is an answer with a text that is shown once.
type once struct {
	label string // of the text, as a line
	text  *client.KeyText
	code  string // of an answer without it
	lines [][2]string

	lost    string // what happened when the text could not be written,
	remedy  string // and what to do then
	written string // what was
	shown   string // what to do with it
	again   string // what to know when an earlier command has made it
}

// showOnce makes what has a text that is shown once, and shows it. The text goes
// to the file instead, where one is named.
func showOnce[T any](c *command, file string, create func() (T, error), of func(*T) once) error {
	var made T
	var err error
	if file == "" {
		made, err = create()
	} else {
		var written bool
		written, err = textToFile("--save-to", file, func() (string, error) {
			made, err = create()
			return of(&made).text.Reveal(), err
		}, func(why error) error {
			return fmt.Errorf("%s: %w: %s", of(&made).lost, why, of(&made).remedy)
		})
		if written {
			fmt.Fprintf(c.Err, "%s written to %s\n", of(&made).written, file)
		}
		*of(&made).text = ""
	}
	if err != nil {
		return err
	}
	o := of(&made)
	if *o.text != "" {
		o.lines = append(o.lines, [2]string{o.label, o.text.Reveal()})
	}
	if err := c.show(made, o.lines); err != nil || c.machine() {
		return err
	}
	switch {
	case *o.text != "":
		fmt.Fprintln(c.Err, "\n"+o.shown)
	case o.code != "":
		fmt.Fprintln(c.Err, "\n"+o.again)
	}
	return nil
}

const (
	shownToUser   = "The secret is shown this once: give it to who needs it now."
	madeBefore    = "Made by an earlier command with the same --idempotency-key; its secret is not shown again."
	secretWasMade = "the secret was made, but it is lost"
)
