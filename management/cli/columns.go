package cli

import (
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

const (
	gap = 2 // blanks between columns
	// leastCell is how narrow a column may get on a narrow terminal.
	leastCell = 6
)

// columns writes rows of cells below a header; the last ones may have none. On a terminal that is too narrow
// the widest columns are cut, but for the first and for ids: they name what the
// row is, and go into the next command. Where that is not enough, the last
// columns are left out; it answers their names.
func (s screen) columns(w io.Writer, header []string, rows [][]string) (left []string, err error) {
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
	shown := s.fit(widths, slices.Index(header, "ID"))
	if shown < len(header) {
		left = header[shown:]
	}
	var b strings.Builder
	for n, row := range append([][]string{header}, rows...) {
		row = row[:min(len(row), shown)]
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
	_, err = io.WriteString(w, b.String())
	return left, err
}

// fit narrows the widths until a row fits, and answers how many columns do.
// Neither the first nor the column id is narrowed; the first always stays.
func (s screen) fit(widths []int, id int) int {
	if s.width == 0 {
		return len(widths)
	}
	shown := len(widths)
	for shown > 1 && least(widths[:shown], id) > s.width {
		shown--
	}
	total := gap * (shown - 1)
	for _, w := range widths[:shown] {
		total += w
	}
	for total > s.width {
		widest := 0
		for i := 1; i < shown; i++ {
			if i != id && widths[i] > leastCell && (widest == 0 || widths[i] > widths[widest]) {
				widest = i
			}
		}
		if widest == 0 {
			break
		}
		widths[widest]--
		total--
	}
	return shown
}

// least is how narrow a row of such columns can get.
func least(widths []int, id int) int {
	total := gap * (len(widths) - 1)
	for i, w := range widths {
		if i > 0 && i != id {
			w = min(w, leastCell)
		}
		total += w
	}
	return total
}
