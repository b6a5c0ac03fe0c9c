package importer

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"credence/management/client"
	"credence/store/credential"
)

// jsonlSource is one object a line, with the fields of the API.
type jsonlSource struct{ lines *lines }

func openJSONL(in io.Reader) (source, error) {
	l, err := newLines(in)
	return &jsonlSource{l}, err
}

func (s *jsonlSource) next() (client.KeyImportRow, error) {
	line, err := s.lines.next()
	if err != nil {
		return client.KeyImportRow{}, err
	}
	var row client.KeyImportRow
	d := json.NewDecoder(strings.NewReader(line))
	d.DisallowUnknownFields()
	if err := d.Decode(&row); err != nil {
		return client.KeyImportRow{}, jsonError(s.lines.number, err)
	}
	if d.InputOffset() != int64(len(strings.TrimRight(line, " \t"))) {
		return client.KeyImportRow{}, lineError(s.lines.number, "line", "goes on behind the object", "write one object a line")
	}
	row.Line = s.lines.number
	return row, nil
}

// jsonError says what is wrong and nothing of the content, which may hold a
// key text.
func jsonError(line int, err error) *LineError {
	var syntax *json.SyntaxError
	var typed *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		return lineError(line, "line", fmt.Sprintf("is not JSON at byte %d", syntax.Offset), "write one JSON object a line")
	case errors.As(err, &typed) && typed.Field != "":
		return lineError(line, credential.Redact(strings.TrimPrefix(typed.Field, "KeyCreate.")), "has a value of another type", "see docs/import.md for the fields")
	case strings.HasPrefix(err.Error(), "json: unknown field "):
		name := strings.Trim(strings.TrimPrefix(err.Error(), "json: unknown field "), `"`)
		if len(name) > maxLabelName {
			name = name[:maxLabelName] + "..."
		}
		return lineError(line, strings.ToValidUTF8(credential.Redact(name), "?"), "is not a field here", "see docs/import.md for the fields, or leave it out")
	}
	return lineError(line, "line", "is no JSON object of the fields of a key", "write one JSON object a line, ended on that line")
}
