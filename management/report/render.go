package report

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
)

// Format is a way to show a report.
type Format string

// The formats.
const (
	HTML     Format = "html"
	Markdown Format = "markdown"
	CSV      Format = "csv"
	JSON     Format = "json"
)

// Formats lists them.
func Formats() []Format { return []Format{HTML, Markdown, CSV, JSON} }

// ContentType is that of the format.
func (f Format) ContentType() string {
	switch f {
	case HTML:
		return "text/html; charset=utf-8"
	case Markdown:
		return "text/markdown; charset=utf-8"
	case CSV:
		return "text/csv; charset=utf-8"
	case JSON:
	}
	return "application/json"
}

// Ending is that of a file of the format.
func (f Format) Ending() string {
	if f == Markdown {
		return "md"
	}
	return string(f)
}

// Render writes the report.
func (r *Report) Render(w io.Writer, f Format) error {
	if !slices.Contains(Formats(), f) {
		return fmt.Errorf("report: %q is none of the formats %v", f, Formats())
	}
	var err error
	switch f {
	case HTML:
		err = r.html(w)
	case Markdown:
		err = r.markdown(w)
	case CSV:
		err = r.csv(w)
	case JSON:
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		err = e.Encode(r)
	}
	if err != nil {
		return fmt.Errorf("report as %s: %w", f, err)
	}
	return nil
}
