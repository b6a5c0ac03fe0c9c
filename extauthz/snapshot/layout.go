package snapshot

import (
	"crypto/sha256"
	"reflect"
	"strings"
)

// layout describes what is kept, with all that it is made of. A program whose
// types are others does not read the file: it could leave out a restriction
// that it does not know, and what is missing does not restrict.
func layout() []byte {
	var text strings.Builder
	seen := map[reflect.Type]bool{}
	describe(&text, reflect.TypeFor[piece](), seen)
	describe(&text, reflect.TypeFor[record](), seen)
	sum := sha256.Sum256([]byte(text.String()))
	return sum[:markSize]
}

func describe(to *strings.Builder, t reflect.Type, seen map[reflect.Type]bool) {
	to.WriteString(t.String())
	if seen[t] {
		return
	}
	seen[t] = true
	switch t.Kind() { //nolint:exhaustive // the other kinds hold nothing
	case reflect.Struct:
		for field := range t.Fields() {
			to.WriteString(" " + field.Name + ":")
			describe(to, field.Type, seen)
		}
		to.WriteString(";")
	case reflect.Slice, reflect.Array, reflect.Pointer:
		describe(to, t.Elem(), seen)
	case reflect.Map:
		describe(to, t.Key(), seen)
		describe(to, t.Elem(), seen)
	}
}
