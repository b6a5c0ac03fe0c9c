package report

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"html/template"
	"io"
	"strings"
	"unicode/utf8"
)

//go:embed report.html
var page string

//go:embed report.css
var style string

// Policy is what a browser may do with the page: use its style, known by its
// digest, and nothing else. The page says so itself; who serves it says it in a
// header.
func Policy() string {
	sum := sha256.Sum256([]byte(style))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; base-uri 'none'; form-action 'none'"
}

// view is what the template shows.
type view struct {
	Style    template.CSS
	Policy   string
	Title    string
	Times    string
	Made     string
	ID       string
	MadeBy   string
	Tiles    []tile
	Notices  []notice
	Sections []sectionView
}

type sectionView struct {
	section

	Chart *chart
}

// Whole reports whether the words of the cell are short enough that none is
// broken: names may be long and without a place to break.
func (c cell) Whole() bool {
	most := 16
	if c.ID { // that of a key, with what it is before it
		most = 34
	}
	for word := range strings.FieldsSeq(c.Text) {
		if utf8.RuneCountInString(word) > most {
			return false
		}
	}
	return true
}

// BarWidth is how long the bar of a cell is, in the units of its drawing.
func (c cell) BarWidth() string { return place(max(1, 100*min(1, c.Bar))) }

func (r *Report) html(w io.Writer) error {
	t, err := template.New("report").Parse(page)
	if err != nil {
		return err
	}
	v := view{
		Style: template.CSS(style), Policy: Policy(), Title: r.title(), Times: r.times(), //nolint:gosec // the style is ours
		Made: instant(r.MadeAt) + " UTC", ID: r.ID, MadeBy: r.MadeBy, Tiles: r.tiles(), Notices: r.notices(),
	}
	drawn := r.draw()
	for _, s := range r.sections() {
		shown := sectionView{section: s}
		if s.chart && len(s.Rows) > 0 {
			shown.Chart = &drawn
		}
		v.Sections = append(v.Sections, shown)
	}
	return t.Execute(w, v)
}
