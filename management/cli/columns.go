package cli

import (
	"io"
	"strings"
	"unicode/utf8"
)

const (
	gap = 2 // blanks between columns
	// leastCell is how narrow a column may get on a narrow terminal.
	leastCell = 6
)

// columns writes rows of cells below a header; the last ones may have none. On a terminal that is too narrow
// the widest columns are cut, but for the first: it names what the row is, and
// goes into the next command.
func (s screen) columns(w io.Writer, header []string, rows [][]string) error {
	wide := len(header)
	for _, row := range rows {
		wide = max(wide, len(row))
	}
	widths, filled := make([]int, wide), make([]int, wide)
	for _, row := range append([][]string{header}, rows...) {
		for i, cell := range row {
			n := utf8.RuneCountInString(cell)
			widths[i] = max(widths[i], n)
			if i < len(row)-1 { // nothing stands behind the last
				filled[i] = max(filled[i], n)
			}
		}
	}
	s.fit(widths)
	var b strings.Builder
	for n, row := range append([][]string{header}, rows...) {
		for i, cell := range row {
			cell = clipTo(cell, widths[i])
			colour := colourOf(cell)
			if n == 0 {
				colour = boldText
			}
			b.WriteString(s.painted(colour, cell))
			if i < len(row)-1 {
				b.WriteString(strings.Repeat(" ", min(widths[i], filled[i])-utf8.RuneCountInString(cell)+gap))
			}
		}
		b.WriteByte('\n')
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// fit narrows the widths until a row fits, as far as that goes.
func (s screen) fit(widths []int) {
	if s.width == 0 {
		return
	}
	total := gap * (len(widths) - 1)
	for _, w := range widths {
		total += w
	}
	for total > s.width {
		widest := 0
		for i := 1; i < len(widths); i++ {
			if widths[i] > leastCell && (widest == 0 || widths[i] > widths[widest]) {
				widest = i
			}
		}
		if widest == 0 {
			return
		}
		widths[widest]--
		total--
	}
}
