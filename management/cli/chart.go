package cli

import (
	"encoding/csv"
	"strings"
)

// barWidth is how long the longest bar is, in characters.
const barWidth = 24

// bar is a bar whose length is the share that value is of most.
func bar(value, most int64) string {
	if value <= 0 || most <= 0 {
		return ""
	}
	eighths := max(1, int(float64(value)/float64(most)*barWidth*8+0.5))
	return strings.Repeat("█", eighths/8) + strings.TrimSpace(string([]rune(" ▏▎▍▌▋▊▉")[eighths%8]))
}

// sparkline is a line of bars beside one another, the highest of them full.
func sparkline(values []int64) string {
	most := int64(0)
	for _, v := range values {
		most = max(most, v)
	}
	var b strings.Builder
	steps := []rune("▁▂▃▄▅▆▇█")
	for _, v := range values {
		if v <= 0 {
			b.WriteByte(' ')
			continue
		}
		b.WriteRune(steps[int(float64(v)/float64(most)*float64(len(steps)-1)+0.5)])
	}
	if text := strings.TrimRight(b.String(), " "); text != "" {
		return text
	}
	return ""
}

// csv prints rows that a command makes itself.
func (c *command) csv(head []string, rows int, row func(i int) []string) error {
	w := csv.NewWriter(c.Out)
	if err := w.Write(head); err != nil {
		return err
	}
	for i := range rows {
		cells := row(i)
		for j, cell := range cells {
			cells[j] = noFormula(cell)
		}
		if err := w.Write(cells); err != nil {
			return err
		}
	}
	w.Flush()
	return w.Error()
}
