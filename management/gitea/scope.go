package gitea

import (
	"slices"
	"strings"
)

// The scopes that are no pair of reading and writing.
const (
	ScopeAll        = "all"
	ScopePublicOnly = "public-only" // narrows the others to what is public
	// ScopeUnknown stands for those that no version known here has. No limit but
	// "all" covers it, and no token is made with it.
	ScopeUnknown = "unknown"
)

func categories() []string {
	return []string{"activitypub", "admin", "issue", "misc", "notification", "organization", "package", "repository", "user"}
}

// Scopes lists the scopes of every supported version. They came with 1.20, in
// place of others that are refused since.
func Scopes() []string {
	all := []string{ScopeAll, ScopePublicOnly}
	for _, c := range categories() {
		all = append(all, "read:"+c, "write:"+c)
	}
	return all
}

// Known reports whether it is a scope.
func Known(scope string) bool { return slices.Contains(Scopes(), scope) }

// Canonical is what a server makes of scopes: none twice, none that another
// one holds, all writing ones as "all", in one order.
func Canonical(scopes []string) []string {
	set := map[string]bool{}
	for _, s := range scopes {
		set[s] = true
	}
	every := true
	for _, c := range categories() {
		every = every && set["write:"+c]
	}
	set[ScopeAll] = set[ScopeAll] || every
	var out []string
	for s, in := range set {
		if !in {
			continue
		}
		pair, isPair := strings.CutPrefix(s, "read:")
		if isPair && set["write:"+pair] {
			continue
		}
		if set[ScopeAll] && s != ScopeAll && s != ScopePublicOnly && Known(s) {
			continue
		}
		out = append(out, s)
	}
	slices.Sort(out)
	return out
}

// Covers reports whether scopes that are widest allow the scope.
func Covers(widest []string, scope string) bool {
	if scope == ScopePublicOnly { // it takes away
		return true
	}
	for _, w := range Canonical(widest) {
		kind, category, _ := strings.Cut(w, ":")
		if w == scope || w == ScopeAll || kind == "write" && scope == "read:"+category {
			return true
		}
	}
	return false
}

// Within reports whether all scopes are covered; where the widest are narrowed
// to what is public, the others have to be, too.
func Within(widest, scopes []string) bool {
	if slices.Contains(widest, ScopePublicOnly) && !slices.Contains(scopes, ScopePublicOnly) {
		return false
	}
	return !slices.ContainsFunc(scopes, func(s string) bool { return !Covers(widest, s) })
}
