package api

import (
	"cmp"
	"net/http"
	"strconv"
	"strings"
	"unicode/utf8"

	"credence/management"
	"credence/management/client"
)

// storable reports whether a text can be one of a database: PostgreSQL takes
// UTF-8 alone, without NUL. What cannot be stored cannot be looked for either,
// so it is refused before a use-case sees it.
func storable(text string) bool {
	return utf8.ValidString(text) && strings.IndexByte(text, 0) < 0
}

const (
	unstorableProblem = "holds a NUL, or bytes that are not UTF-8"
	unstorableRemedy  = "send UTF-8 text without NUL"
)

// storablePath refuses ids and names in the path that no object can have: it is
// not found, as one of another name would be.
func storablePath(r *http.Request) error {
	if storable(r.URL.Path) {
		return nil
	}
	return &management.Error{Code: management.CodeNotFound, Message: "the path names an object that cannot be: it " + unstorableProblem}
}

// unstorableTexts finds the members of a body that cannot be stored. Bytes that
// are not UTF-8 cannot be in it any more: the decoder replaces them.
func unstorableTexts(path string, value any, found *[]client.FieldError) {
	switch v := value.(type) {
	case string:
		if !storable(v) {
			*found = append(*found, client.FieldError{Field: cmp.Or(path, "body"), Problem: unstorableProblem, Remedy: unstorableRemedy})
		}
	case []any:
		for i, item := range v {
			unstorableTexts(path+"["+strconv.Itoa(i)+"]", item, found)
		}
	case map[string]any:
		for name, member := range v {
			at := strings.TrimPrefix(path+"."+short(name), ".")
			unstorableTexts(at, name, found)
			unstorableTexts(at, member, found)
		}
	}
}
