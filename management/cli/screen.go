package cli

import (
	"os"

	"github.com/mattn/go-isatty"
	"golang.org/x/term"
)

// screen is what stands at standard output.
type screen struct {
	width  int  // columns; 0: nobody looks, so nothing is cut
	colour bool // may colours be used
}

// screen looks at Out, as Options let it.
func (c *command) screen() screen {
	if c.Screen != nil {
		width, colour := c.Screen()
		return screen{width, colour && !c.NoColour}
	}
	f, ok := c.Out.(*os.File)
	if !ok || !isatty.IsTerminal(f.Fd()) {
		return screen{}
	}
	width, _, err := term.GetSize(int(f.Fd()))
	if err != nil {
		width = 0
	}
	return screen{width, !c.NoColour}
}

// The colours, as a terminal is told them.
const (
	plainText  = "\x1b[0m"
	boldText   = "\x1b[1m"
	redText    = "\x1b[31m"
	greenText  = "\x1b[32m"
	yellowText = "\x1b[33m"
)

// colourOf is the colour of a cell that is a word for a state; "" is none.
func colourOf(cell string) string {
	switch cell {
	case "active", "current", "complete", "ok":
		return greenText
	case "revoked", "expired", "purged", "partial", "silent", "ended":
		return redText
	case "disabled", "suspended":
		return yellowText
	}
	return ""
}

func (s screen) painted(colour, text string) string {
	if !s.colour || colour == "" {
		return text
	}
	return colour + text + plainText
}
