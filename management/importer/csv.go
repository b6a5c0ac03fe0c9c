package importer

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"credence/management/client"
	"credence/store/limit"
)

// csvSource is a header line that names the columns, and one key a line. A
// field cannot go on over the end of its line, so a quote that is never closed
// spoils one line and not the file.
type csvSource struct {
	lines     *lines
	separator rune
	header    []string
	columns   []column
}

// column writes the cell of a column into the row.
type column func(row *client.KeyImportRow, cell string) error

func columns() map[string]column {
	return map[string]column{
		"key_text":    func(r *client.KeyImportRow, c string) error { r.KeyText = client.KeyText(c); return nil },
		"sha256":      func(r *client.KeyImportRow, c string) error { r.SHA256 = c; return nil },
		"name":        func(r *client.KeyImportRow, c string) error { r.Name = c; return nil },
		"namespace":   func(r *client.KeyImportRow, c string) error { r.Namespace = c; return nil },
		"owner":       func(r *client.KeyImportRow, c string) error { r.Owner = c; return nil },
		"key_type":    func(r *client.KeyImportRow, c string) error { r.KeyType = c; return nil },
		"plan":        func(r *client.KeyImportRow, c string) error { r.Plan = c; return nil },
		"environment": func(r *client.KeyImportRow, c string) error { r.Environment = c; return nil },
		"scopes":      func(r *client.KeyImportRow, c string) error { r.Scopes = strings.Fields(c); return nil },
		"networks":    func(r *client.KeyImportRow, c string) error { r.Networks = strings.Fields(c); return nil },
		"hosts":       func(r *client.KeyImportRow, c string) error { r.Hosts = strings.Fields(c); return nil },
		"methods":     func(r *client.KeyImportRow, c string) error { r.Methods = strings.Fields(c); return nil },
		"paths":       func(r *client.KeyImportRow, c string) error { r.Paths = strings.Fields(c); return nil },
		"expires_in":  func(r *client.KeyImportRow, c string) error { r.ExpiresIn = c; return nil },
		"expires_at":  func(r *client.KeyImportRow, c string) error { return parseInstant(&r.ExpiresAt, c) },
		"not_before":  func(r *client.KeyImportRow, c string) error { return parseInstant(&r.NotBefore, c) },
		"disabled":    parseDisabled,
		"labels":      parseLabels,
		"limits":      parseLimits,
		"quotas":      parseQuotas,
	}
}

// cellError is a problem and its remedy.
type cellError struct{ problem, remedy string }

func (e *cellError) Error() string { return e.problem + "; " + e.remedy }

func parseInstant(into *time.Time, cell string) (err error) {
	if *into, err = time.Parse(time.RFC3339, cell); err != nil {
		return &cellError{"is no instant", "write it like 2030-01-31T00:00:00Z"}
	}
	return nil
}

func parseDisabled(row *client.KeyImportRow, cell string) (err error) {
	if row.Disabled, err = strconv.ParseBool(cell); err != nil {
		return &cellError{"is neither true nor false", "write true or false"}
	}
	return nil
}

// items are the elements of a cell whose elements may hold blanks.
func items(cell string) []string {
	var out []string
	for item := range strings.SplitSeq(cell, ";") {
		if item = strings.TrimSpace(item); item != "" {
			out = append(out, item)
		}
	}
	return out
}

func parseLabels(row *client.KeyImportRow, cell string) error {
	for _, item := range items(cell) {
		name, value, found := strings.Cut(item, "=")
		if !found {
			return &cellError{"holds what is no label", "write name=value, and a semicolon between two"}
		}
		label(row, name, value)
	}
	return nil
}

func parseLimits(row *client.KeyImportRow, cell string) error {
	for _, item := range items(cell) {
		l, err := limit.Parse(item)
		if err != nil {
			return &cellError{"holds what is no rate", `write 10/s or "search=100/m burst 20", and a semicolon between two`}
		}
		row.Limits = append(row.Limits, client.Limit{Name: l.Name, Limit: l.Limit, Period: l.Period.String(), Burst: l.Burst})
	}
	return nil
}

func parseQuotas(row *client.KeyImportRow, cell string) error {
	for _, item := range items(cell) {
		q, err := limit.ParseQuota(item)
		if err != nil {
			return &cellError{"holds what is no quota", "write 10000/day, and a semicolon between two"}
		}
		row.Quotas = append(row.Quotas, client.Quota{Name: q.Name, Limit: q.Limit, Period: string(q.Period)})
	}
	return nil
}

func openCSV(in io.Reader) (source, error) {
	l, err := newLines(in)
	if err != nil {
		return nil, err
	}
	line, err := l.next()
	if errors.Is(err, io.EOF) {
		return nil, errors.New("the file is empty: its first line has to name the columns, such as key_text,name,scopes")
	}
	if err != nil {
		return nil, err
	}
	s := &csvSource{lines: l, separator: separator(line)}
	if s.header, err = s.cells(line); err != nil {
		return nil, err
	}
	if err := checkHeader(s.header); err != nil {
		return nil, err
	}
	known := columns()
	for _, name := range s.header {
		s.columns = append(s.columns, known[name])
	}
	return s, nil
}

// separator is the comma, unless the header has none: spreadsheets of many
// countries write semicolons.
func separator(header string) rune {
	for _, r := range []rune{';', '\t'} {
		if !strings.ContainsRune(header, ',') && strings.ContainsRune(header, r) {
			return r
		}
	}
	return ','
}

// checkHeader refuses columns that are not known: whoever misspells scopes
// would make keys that may do too much.
func checkHeader(header []string) error {
	known := columns()
	list := strings.Join(slices.Sorted(maps.Keys(known)), ", ")
	seen := map[string]bool{}
	for i, name := range header {
		if known[name] == nil {
			return fmt.Errorf("line 1 has to name the columns, and column %d is none of them: known are %s", i+1, list)
		}
		if seen[name] {
			return fmt.Errorf("line 1 names the column %s twice", name)
		}
		seen[name] = true
	}
	if !seen["key_text"] && !seen["sha256"] {
		return errors.New("line 1 names neither a column key_text nor a column sha256")
	}
	return nil
}

func (s *csvSource) next() (client.KeyImportRow, error) {
	line, err := s.lines.next()
	if err != nil {
		return client.KeyImportRow{}, err
	}
	cells, err := s.cells(line)
	if err != nil {
		return client.KeyImportRow{}, err
	}
	if len(cells) != len(s.header) {
		return client.KeyImportRow{}, lineError(s.lines.number, "line", fmt.Sprintf("has %d cells, and the header names %d columns", len(cells), len(s.header)),
			"put a cell that holds the separator into quotes")
	}
	row := client.KeyImportRow{Line: s.lines.number}
	for i, cell := range cells {
		if cell == "" {
			continue
		}
		var wrong *cellError
		if err := s.columns[i](&row, cell); errors.As(err, &wrong) {
			return client.KeyImportRow{}, lineError(s.lines.number, s.header[i], wrong.problem, wrong.remedy)
		}
	}
	return row, nil
}

// cells parts one line (RFC 4180).
func (s *csvSource) cells(line string) ([]string, error) {
	r := csv.NewReader(strings.NewReader(line))
	r.Comma, r.TrimLeadingSpace = s.separator, s.separator != '\t'
	cells, err := r.Read()
	if err != nil {
		return nil, lineError(s.lines.number, "line", "has a quote in the wrong place, or one that is not closed on the line",
			"write a quote inside a cell twice, and no cell over several lines")
	}
	for i := range cells {
		cells[i] = strings.TrimSpace(cells[i])
	}
	return cells, nil
}
