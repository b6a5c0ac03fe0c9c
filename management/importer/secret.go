package importer

import (
	"cmp"
	"encoding/base64"
	"errors"
	"io"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"credence/management/client"
)

// secret is one Kubernetes Secret.
type secret struct {
	node            *yaml.Node
	name, namespace string
	kind            string // its type
}

// object is one Kubernetes object of a file: a document, or an item of a List.
func objects(in io.Reader) ([]*yaml.Node, error) {
	found, err := documents(in)
	if err != nil {
		return nil, err
	}
	var all []*yaml.Node
	for _, document := range found {
		switch {
		case document.Kind == yaml.SequenceNode:
			all = append(all, elements(document)...)
		case strings.HasSuffix(text(child(document, "kind")), "List"):
			all = append(all, elements(child(document, "items"))...)
		default:
			all = append(all, document)
		}
	}
	return all, nil
}

var errNoSecret = errors.New("the file holds no Kubernetes Secret: write it with `kubectl get secret NAME... -o yaml`")

// secrets are the Secrets among the objects.
func secrets(all []*yaml.Node) ([]secret, error) {
	var out []secret
	for _, n := range all {
		if text(child(n, "kind")) != "Secret" {
			continue
		}
		about := child(n, "metadata")
		out = append(out, secret{
			node: n, name: text(child(about, "name")), namespace: text(child(about, "namespace")), kind: text(child(n, "type")),
		})
	}
	if len(out) == 0 {
		return nil, errNoSecret
	}
	return out, nil
}

// entry is one key and value of a Secret, or why it cannot be read.
type entry struct {
	name, value string
	line        int
	wrong       *LineError
}

// entries are those of stringData, and of data, which is base64. As in
// Kubernetes the former win.
func (s *secret) entries() []entry {
	var out []entry
	for key, value := range members(child(s.node, "stringData")) {
		out = append(out, entry{name: key.Value, value: text(value), line: value.Line})
	}
	for key, value := range members(child(s.node, "data")) {
		if slices.ContainsFunc(out, func(e entry) bool { return e.name == key.Value }) {
			continue
		}
		e := entry{name: key.Value, line: value.Line}
		raw, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(text(value)), ""))
		if err != nil {
			e.wrong = lineError(value.Line, "data", "is not base64", "values of data are base64; plain ones belong in stringData")
		}
		e.value = string(raw)
		out = append(out, e)
	}
	return out
}

// row is the key in an entry.
func (e *entry) row(name string) (client.KeyImportRow, error) {
	switch {
	case e.wrong != nil:
		return client.KeyImportRow{}, e.wrong
	case strings.ContainsAny(e.value, "\r\n"):
		return client.KeyImportRow{}, lineError(e.line, "key_text", "holds a line break, so no request can carry it",
			"was it written with echo? take the break out if clients send the text without it")
	}
	return client.KeyImportRow{
		Line: e.line, KeyText: client.KeyText(e.value), KeyCreate: client.KeyCreate{Name: name},
	}, nil
}

// readySource answers what was read before, in the order of its lines: some
// formats name a key in one place and its holder in another.
type readySource struct {
	rows   []readyRow
	sorted bool
}

type readyRow struct {
	row client.KeyImportRow
	err error
}

// line is that of the key, or of what is wrong with it.
func (r *readyRow) line() int {
	if wrong, is := errors.AsType[*LineError](r.err); is {
		return wrong.Line
	}
	return r.row.Line
}

func (s *readySource) add(row client.KeyImportRow, err error) {
	s.rows = append(s.rows, readyRow{row, err})
}

func (s *readySource) next() (client.KeyImportRow, error) {
	if !s.sorted {
		slices.SortStableFunc(s.rows, func(a, b readyRow) int { return cmp.Compare(a.line(), b.line()) })
		s.sorted = true
	}
	if len(s.rows) == 0 {
		return client.KeyImportRow{}, io.EOF
	}
	first := s.rows[0]
	s.rows = s.rows[1:]
	return first.row, first.err
}
