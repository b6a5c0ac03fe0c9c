package report

import (
	"math"
	"strconv"
	"time"
)

// The drawing of the course, in units of the drawing.
const (
	chartWidth  = 960
	chartHeight = 240
	chartLeft   = 52 // of the axis; left of it are its numbers
	chartBottom = 24 // below it are the times
	chartTop    = 10
)

// chart is the course as columns, what was refused on top of what was not.
type chart struct {
	Width, Height int
	Left, Right   int
	Base          string // y of the axis
	Label         string // what one sees, for those who do not see it
	Columns       []bars
	Lines         []mark // across, with the number
	Times         []mark // below
}

type bars struct {
	X, Width           string
	Whole              string // the hover area: from the top
	AllowedY, AllowedH string
	DeniedY, DeniedH   string
	Title              string
}

type mark struct {
	At    string
	Text  string
	Place string // text-anchor
}

func (r *Report) draw() chart {
	course := r.Usage.Course
	c := chart{Width: chartWidth, Height: chartHeight, Left: chartLeft, Right: chartWidth, Base: place(chartHeight - chartBottom)}
	most := int64(0)
	for _, p := range course {
		most = max(most, p.Requests)
	}
	top, step := axis(most)
	c.Label = "Requests by the " + r.Usage.Step + ", at most " + number(most) + "; " + number(r.Usage.Total.Requests) + " in all, " + number(r.Usage.Total.Denied) + " refused."
	height := float64(chartHeight - chartBottom - chartTop)
	y := func(n int64) float64 { return chartTop + height*(1-float64(n)/float64(top)) }
	for n := int64(0); n <= top; n += step {
		c.Lines = append(c.Lines, mark{At: place(y(n)), Text: short(n)})
	}
	wide := float64(chartWidth-chartLeft) / float64(max(1, len(course)))
	gap := min(2, wide/5)
	for i, p := range course {
		allowed := p.Requests - p.Denied
		c.Columns = append(c.Columns, bars{
			X: place(chartLeft + float64(i)*wide + gap/2), Width: place(wide - gap), Whole: place(height),
			AllowedY: place(y(allowed)), AllowedH: place(y(0) - y(allowed)),
			DeniedY: place(y(p.Requests)), DeniedH: place(y(allowed) - y(p.Requests)),
			Title: when(p.Start, r.Usage.Step) + ": " + many(p.Requests, "request", "requests") + ", " + number(p.Denied) + " refused",
		})
	}
	c.Times = times(course, r.Usage.Step, wide)
	return c
}

// times are at most seven marks below the axis.
func times(course []Point, step string, wide float64) (marks []mark) {
	const most = 7
	every := max(1, (len(course)+most-1)/most)
	for i := 0; i < len(course); i += every {
		m := mark{At: place(chartLeft + (float64(i)+0.5)*wide), Text: when(course[i].Start, step), Place: "middle"}
		switch x := chartLeft + (float64(i)+0.5)*wide; {
		case x > chartWidth-50:
			m.At, m.Place = place(chartWidth), "end"
		case x < chartLeft+40:
			m.At, m.Place = place(chartLeft), "start"
		}
		marks = append(marks, m)
	}
	return marks
}

func when(at time.Time, step string) string {
	if step == "day" {
		return at.UTC().Format("2 Jan")
	}
	return at.UTC().Format("2 Jan 15:04")
}

// axis answers where the axis ends, and how far its lines are apart: a round
// number, so that there are three to six lines.
func axis(most int64) (top, step int64) {
	if most < 4 {
		return 4, 1
	}
	size := int64(math.Pow10(len(strconv.FormatInt(most, 10)) - 1))
	for _, step := range []int64{size / 5, size / 2, size, 2 * size} {
		if step > 0 && most/step < 5 {
			return (most + step - 1) / step * step, step
		}
	}
	return (most + size*5 - 1) / (size * 5) * size * 5, size * 5
}

// place is a coordinate.
func place(at float64) string { return strconv.FormatFloat(at, 'f', 1, 64) }
