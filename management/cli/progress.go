package cli

import (
	"fmt"
	"os"
	"strings"

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

// bar is progress of which the end is known.
func (c *command) bar(done, all int) {
	const width = 30
	full := width * done / max(all, 1)
	c.progress("[%s%s] %d of %d", strings.Repeat("#", full), strings.Repeat(".", width-full), done, all)
}

// settle ends the line of progress, so that what follows stands below it.
func (c *command) settle() {
	if c.moving {
		fmt.Fprintln(c.Err)
		c.moving = false
	}
}
