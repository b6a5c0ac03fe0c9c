package event

import "strings"

// Every is the filter that matches all types.
const Every = "*"

// ValidFilter reports whether a filter is a type of the catalogue, a family of
// them such as "key.*", or "*".
func ValidFilter(filter string) bool {
	if filter == Every {
		return true
	}
	for _, d := range Catalogue() {
		if matches(filter, d.Type) {
			return true
		}
	}
	return false
}

// Match reports whether one of the filters matches the type.
func Match(filters []string, t Type) bool {
	for _, f := range filters {
		if matches(f, t) {
			return true
		}
	}
	return false
}

func matches(filter string, t Type) bool {
	if filter == Every || filter == string(t) {
		return true
	}
	family, all := strings.CutSuffix(filter, ".*")
	rest, inside := strings.CutPrefix(string(t), family+".")
	return all && inside && rest != ""
}
