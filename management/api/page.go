package api

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// The page at /docs shows the OpenAPI document to people. It is rendered once
// and holds no script, and nothing that it would have to load: what a browser
// with an admin's rights opens is not the place for either.

//go:embed page.html
var pageTemplate string

//go:embed page.css
var pageStyle string

// pagePolicy lets the browser use the style of the page, known by its digest,
// and nothing else.
func pagePolicy() string {
	sum := sha256.Sum256([]byte(pageStyle))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) +
		"'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
}

type pageView struct {
	Style       template.CSS
	Title       string
	Version     string
	Description string
	Codes       []codeMeaning
	Groups      []pageGroup
	Schemas     []pageSchema
}

type pageGroup struct {
	Name       string
	Operations []pageOperation
}

type pageOperation struct {
	*huma.Operation

	Creates bool
	Fields  []pageField
	Body    *pageType
	Media   []string
	Answers []pageAnswer
}

type pageAnswer struct {
	Status, Description string
	Type                *pageType
}

type pageSchema struct {
	Name   string
	Fields []pageField
	Type   pageType // of one that is no object
}

type pageField struct {
	Name, Place, Doc string
	Required         bool
	Type             pageType
}

// pageType is a type in words; Link names the schema it leads to.
type pageType struct{ Before, Link, After string }

func renderPage(doc *huma.OpenAPI) ([]byte, error) {
	view := pageView{
		Style: template.CSS(pageStyle), //nolint:gosec // a file of ours
		Title: doc.Info.Title, Version: doc.Info.Version, Description: doc.Info.Description, Codes: codeMeanings(),
	}
	for _, op := range Operations() {
		o := describedAs(doc.Paths[op.Path], op.Method)
		i := slices.IndexFunc(view.Groups, func(g pageGroup) bool { return g.Name == o.Tags[0] })
		if i < 0 {
			i, view.Groups = len(view.Groups), append(view.Groups, pageGroup{Name: o.Tags[0]})
		}
		view.Groups[i].Operations = append(view.Groups[i].Operations, operationView(doc, op, o))
	}
	schemas := doc.Components.Schemas.Map()
	for _, name := range slices.Sorted(maps.Keys(schemas)) {
		view.Schemas = append(view.Schemas, pageSchema{Name: name, Fields: fieldViews(schemas[name]), Type: typeView(schemas[name])})
	}
	t, err := template.New("page").Parse(pageTemplate)
	if err != nil {
		return nil, fmt.Errorf("read the template of /docs: %w", err)
	}
	var b bytes.Buffer
	if err := t.Execute(&b, view); err != nil {
		return nil, fmt.Errorf("render /docs: %w", err)
	}
	return b.Bytes(), nil
}

func operationView(doc *huma.OpenAPI, op Operation, o *huma.Operation) pageOperation {
	v := pageOperation{Operation: o, Creates: op.Creates}
	for _, p := range o.Parameters {
		v.Fields = append(v.Fields, pageField{Name: p.Name, Place: p.In, Doc: p.Description, Required: p.Required, Type: typeView(p.Schema)})
	}
	if o.RequestBody != nil {
		v.Media = slices.Sorted(maps.Keys(o.RequestBody.Content))
		t := typeView(o.RequestBody.Content[v.Media[0]].Schema)
		v.Body = &t
	}
	for _, status := range slices.Sorted(maps.Keys(o.Responses)) {
		response := o.Responses[status]
		if name, shared := strings.CutPrefix(response.Ref, "#/components/responses/"); shared {
			response = doc.Components.Responses[name]
		}
		answer := pageAnswer{Status: status, Description: response.Description}
		for _, kind := range slices.Sorted(maps.Keys(response.Content)) {
			if media := response.Content[kind]; media.Schema != nil {
				t := typeView(media.Schema)
				answer.Type = &t
			}
		}
		v.Answers = append(v.Answers, answer)
	}
	return v
}

func fieldViews(s *huma.Schema) []pageField {
	var fields []pageField
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		p := s.Properties[name]
		fields = append(fields, pageField{Name: name, Doc: p.Description, Required: slices.Contains(s.Required, name), Type: typeView(p)})
	}
	return fields
}

func typeView(s *huma.Schema) pageType {
	if s == nil {
		return pageType{Before: "anything"}
	}
	if len(s.AllOf) > 0 { // a problem with some codes
		return typeView(s.AllOf[0])
	}
	if s.Ref != "" {
		return pageType{Link: s.Ref[strings.LastIndex(s.Ref, "/")+1:]}
	}
	var t pageType
	switch {
	case s.Type == huma.TypeArray:
		t = typeView(s.Items)
		t.Before = "list of " + t.Before
	case s.Type == huma.TypeObject && s.AdditionalProperties != nil && s.Properties == nil:
		t = pageType{Before: "object of names"}
		if of, ok := s.AdditionalProperties.(*huma.Schema); ok {
			t = typeView(of)
			t.Before = "object of " + t.Before
		}
	default:
		t = pageType{Before: s.Type}
	}
	t.After += bounds(s)
	return t
}

// bounds are what else a schema says of a value.
func bounds(s *huma.Schema) string {
	var all []string
	add := func(format string, n *int) {
		if n != nil {
			all = append(all, fmt.Sprintf(format, *n))
		}
	}
	add("at least %d characters", s.MinLength)
	add("at most %d characters", s.MaxLength)
	add("at least %d elements", s.MinItems)
	add("at most %d elements", s.MaxItems)
	add("at most %d names", s.MaxProperties)
	for _, bound := range []struct {
		word string
		n    *float64
	}{{"at least ", s.Minimum}, {"at most ", s.Maximum}} {
		if bound.n != nil {
			all = append(all, bound.word+strconv.FormatFloat(*bound.n, 'f', -1, 64))
		}
	}
	if s.Format != "" {
		all = append(all, s.Format)
	}
	if s.Nullable {
		all = append(all, "or null")
	}
	if len(s.Enum) > 0 {
		words := make([]string, len(s.Enum))
		for i, word := range s.Enum {
			words[i] = fmt.Sprint(word)
		}
		all = append(all, "one of "+strings.Join(words, ", "))
	}
	if len(all) == 0 {
		return ""
	}
	return " (" + strings.Join(all, "; ") + ")"
}
