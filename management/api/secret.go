package api

import (
	"cmp"
	"net/http"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"credence/management"
	"credence/management/client"
	"credence/store/credential"
)

// secretFormat marks, in the schema, the fields that a secret is sent in: what
// is in them is hashed or sealed before it is kept, and never told. A field
// without it is a text like any other, so one that is forgotten refuses secrets
// instead of keeping them.
const secretFormat = "password"

const secretRemedy = "leave it out, and rotate it: it was seen here"

func secretProblem(what string) string { return "holds what looks like " + what }

// secretTexts finds secrets that were pasted where texts belong: names, reasons,
// labels, filters, whatever an operation takes. Those are kept in clear, and told
// to webhooks, reports and the audit log. Every body passes here, so a new
// operation and a new field need nothing for it.
func secretTexts(registry huma.Registry, s *huma.Schema, path string, value any, found *[]client.FieldError) {
	s = resolved(registry, s)
	switch v := value.(type) {
	case string:
		if s != nil && s.Format == secretFormat {
			return
		}
		if what := credential.Seen(v); what != "" {
			*found = append(*found, client.FieldError{Field: cmp.Or(path, "body"), Problem: secretProblem(what), Remedy: secretRemedy})
		}
	case []any:
		for i, item := range v {
			secretTexts(registry, items(s), path+"["+strconv.Itoa(i)+"]", item, found)
		}
	case map[string]any:
		for name, member := range v {
			if what := credential.Seen(name); what != "" {
				*found = append(*found, client.FieldError{Field: cmp.Or(path, "body"), Problem: "has a name in it that " + secretProblem(what), Remedy: secretRemedy})
				continue
			}
			secretTexts(registry, property(s, name), strings.TrimPrefix(path+"."+short(name), "."), member, found)
		}
	}
}

func items(s *huma.Schema) *huma.Schema {
	if s == nil {
		return nil
	}
	return s.Items
}

// property is nil where the schema knows none of that name.
func property(s *huma.Schema, name string) *huma.Schema {
	if s == nil {
		return nil
	}
	return s.Properties[name]
}

// secretHeader refuses a secret in a header that is kept.
func secretHeader(name, value string) error {
	what := credential.Seen(value)
	if what == "" {
		return nil
	}
	return newProblem(http.StatusUnprocessableEntity, string(management.CodeInvalidInput), "a header holds a secret where it would be kept in clear",
		client.FieldError{Field: name, Problem: secretProblem(what), Remedy: secretRemedy})
}
