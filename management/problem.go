package management

import (
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"credence/store/credential"
)

// problems collects what is wrong with an input, so that all of it is
// reported at once. Its parsing methods answer the value in the form that is
// stored; after a problem that value is not to be used.
type problems struct {
	fields []FieldError
	now    time.Time // what "in the past" is judged by
}

func (p *problems) add(field, problem, remedy string) {
	p.fields = append(p.fields, FieldError{Field: field, Problem: problem, Remedy: remedy})
}

// err is nil when there were no problems.
func (p *problems) err(what string) error {
	if len(p.fields) == 0 {
		return nil
	}
	return &Error{Code: CodeInvalidInput, Message: what + ": invalid input", Fields: p.fields}
}

// at names an element of a list: "scopes[2]".
func at(field string, i int) string { return field + "[" + strconv.Itoa(i) + "]" }

// quoted shows a value in an error: quoted, without what may be a secret in the
// wrong place, and cut when it is long, since what is long may be anything.
func quoted(value string) string {
	const most = 64
	value = credential.Redact(value)
	if len(value) <= most {
		return strconv.Quote(value)
	}
	cut := most
	for cut > 0 && !utf8.RuneStart(value[cut]) {
		cut--
	}
	return strconv.Quote(value[:cut]) + "..."
}

// orDefault is value, or fallback when there is none.
func orDefault(value, fallback string) string {
	if value == "" {
		return fallback
	}
	return value
}

// unique notes every repeated element of a list.
func (p *problems) unique(field string, values []string) {
	seen := make(map[string]bool, len(values))
	for i, v := range values {
		if seen[v] {
			p.add(at(field, i), "repeats "+quoted(v), "name each once")
		}
		seen[v] = true
	}
}

// atMost notes a list that is too long and answers as much of it as is worth
// looking at.
func atMost[T any](p *problems, field string, values []T, most int) []T {
	if len(values) <= most {
		return values
	}
	p.add(field, "has "+strconv.Itoa(len(values))+" elements", "at most "+strconv.Itoa(most)+" are allowed")
	return values[:most]
}

// listed joins the words that are allowed, for a remedy.
func listed[T ~string](words []T) string {
	texts := make([]string, len(words))
	for i, w := range words {
		texts[i] = string(w)
	}
	return strings.Join(texts, ", ")
}
