package cli

import (
	"fmt"
	"os"

	"github.com/mattn/go-isatty"
)

// progress shows how far a long command has come, on one line that the next
// overwrites. Where nobody watches, it shows nothing.
func (c *command) progress(format string, args ...any) {
	if f, ok := c.Err.(*os.File); ok && isatty.IsTerminal(f.Fd()) {
		fmt.Fprintf(f, "\r\x1b[K"+format, args...)
		c.moving = true
	}
}

// settle ends the line of progress, so that what follows stands below it.
func (c *command) settle() {
	if c.moving {
		fmt.Fprintln(c.Err)
		c.moving = false
	}
}
