package importer

import (
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"credence/management/client"
	"credence/store/credential"
)

// LineError is what is wrong with one key.
type LineError struct {
	Line int
	client.FieldError
}

// Error names the line, the field, the problem and the remedy.
func (e *LineError) Error() string {
	return fmt.Sprintf("line %d: %s %s; %s", e.Line, e.Field, e.Problem, e.Remedy)
}

func lineError(line int, field, problem, remedy string) *LineError {
	return &LineError{Line: line, FieldError: client.FieldError{Field: field, Problem: problem, Remedy: remedy}}
}

// source is the parser of one format. The rows have their Line, and KeyText or
// SHA256; io.EOF ends them.
type source interface {
	next() (client.KeyImportRow, error)
}

// formats are the parsers by the name of their format.
func formats() map[string]func(io.Reader) (source, error) {
	return map[string]func(io.Reader) (source, error){
		"csv": openCSV, "jsonl": openJSONL, "list": openList, "envoy-gateway": openEnvoyGateway,
		"authorino": openAuthorino, "kong": openKong, "unkey": openUnkey,
	}
}

// Formats lists the names of the formats.
func Formats() []string { return slices.Sorted(maps.Keys(formats())) }

// Reader reads the keys of one file.
type Reader struct {
	source   source
	defaults client.KeyCreate
	weak     int
}

// Open begins to read a file of the format. defaults say what a key has that
// the file does not say of it. The error names what is wrong with the file as
// a whole.
func Open(format string, in io.Reader, defaults client.KeyCreate) (*Reader, error) {
	open, known := formats()[format]
	if !known {
		return nil, fmt.Errorf("format %q: give one of %s", format, strings.Join(Formats(), ", "))
	}
	s, err := open(in)
	if err != nil {
		return nil, err
	}
	return &Reader{source: s, defaults: defaults}, nil
}

// weakText is the length below which a text can be guessed when its digest is
// known: 20 characters of a base62 text are 119 bits.
const weakText = 20

// Weak is how many texts were so short that who has the database could guess
// them from their digests.
func (r *Reader) Weak() int { return r.weak }

// Next answers the next key, io.EOF behind the last.
func (r *Reader) Next() (client.KeyImportRow, error) {
	row, err := r.source.next()
	if err != nil {
		return client.KeyImportRow{}, err
	}
	if err := r.digest(&row); err != nil {
		return client.KeyImportRow{}, err
	}
	r.complete(&row)
	return row, nil
}

// digest takes the text out of the row and puts its digest in.
func (r *Reader) digest(row *client.KeyImportRow) error {
	text := []byte(row.KeyText.Reveal())
	switch {
	case len(text) == 0 && row.SHA256 == "":
		return lineError(row.Line, "key_text", "is missing", "give the text of the key, or its SHA-256")
	case len(text) > 0 && row.SHA256 != "":
		return lineError(row.Line, "sha256", "is given together with key_text", "give one of the two")
	case len(text) == 0:
		if _, err := credential.ParseDigest(row.SHA256); err != nil {
			return lineError(row.Line, "sha256", "is no SHA-256", "write 64 hexadecimal digits, or the 32 bytes in base64")
		}
		return nil
	case !credential.WellFormed(text):
		return lineError(row.Line, "key_text", "is too long, or has a character that no key text has",
			fmt.Sprintf("a key text has 1 to %d letters, digits and - . _ ~ + / =; make a new key for this caller", credential.MaxTextSize))
	case credential.WellFormedToken(text):
		return lineError(row.Line, "key_text", "is an admin token of Credence", "revoke it, since it has been in a file, and leave it out")
	}
	if len(text) < weakText {
		r.weak++
	}
	d := credential.DigestOf(text)
	row.SHA256, row.KeyText = hex.EncodeToString(d[:]), ""
	return nil
}

// complete fills in what the file does not say.
func (r *Reader) complete(row *client.KeyImportRow) {
	d := &r.defaults
	for _, field := range []struct {
		of *string
		is string
	}{
		{&row.Namespace, d.Namespace},
		{&row.Owner, d.Owner},
		{&row.KeyType, d.KeyType},
		{&row.Plan, d.Plan},
		{&row.Environment, d.Environment},
		{&row.Name, d.Name},
		{&row.Name, fmt.Sprintf("imported, line %d", row.Line)},
	} {
		if *field.of == "" {
			*field.of = field.is
		}
	}
	orElse(&row.Scopes, d.Scopes)
	orElse(&row.Limits, d.Limits)
	orElse(&row.Quotas, d.Quotas)
	orElse(&row.Networks, d.Networks)
	orElse(&row.Hosts, d.Hosts)
	orElse(&row.Methods, d.Methods)
	orElse(&row.Paths, d.Paths)
	if row.ExpiresAt.IsZero() && row.ExpiresIn == "" {
		row.ExpiresAt, row.ExpiresIn = d.ExpiresAt, d.ExpiresIn
	}
	if row.NotBefore.IsZero() {
		row.NotBefore = d.NotBefore
	}
	for name, value := range d.Labels {
		if _, said := row.Labels[name]; !said {
			label(row, name, value)
		}
	}
}

func orElse[T any](list *[]T, fallback []T) {
	if len(*list) == 0 {
		*list = fallback
	}
}

// label sets a label of the row.
func label(row *client.KeyImportRow, name, value string) {
	if row.Labels == nil {
		row.Labels = map[string]string{}
	}
	row.Labels[name] = value
}

// The bounds of labels, as the API has them.
const (
	maxLabelName  = 63
	maxLabelValue = 256
)

// note sets a label for people from what another system says of the key, where
// it can be one. It narrows nothing, so what cannot be a label is left out.
func note(row *client.KeyImportRow, name, value string) {
	odd := strings.IndexFunc(name, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("._-/", r)
	})
	fits := name != "" && odd < 0 && !strings.ContainsRune("._-/", rune(name[0])) && len(name) <= maxLabelName
	if fits && value != "" && len(value) <= maxLabelValue && strings.TrimSpace(value) == value && printable(value) && credential.Redact(value) == value {
		label(row, name, value)
	}
}

func printable(text string) bool {
	for _, r := range text {
		if r < ' ' || r == 0x7f || r > '~' {
			return false
		}
	}
	return true
}
