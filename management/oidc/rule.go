package oidc

import (
	"regexp"
	"slices"
	"strings"
)

// maxNamespaces bounds what one caller is limited to, as for an admin token.
const maxNamespaces = 100

// grant is what a rule gives to a token.
type grant struct {
	rule       *Rule
	namespaces []string // empty only when the rule says everywhere
}

// granted answers what the claims are good for. The last line refuses.
func granted(rules []Rule, claims map[string]any) (g grant, why string) {
	for i := range rules {
		rule := &rules[i]
		if !matches(rule.Match, claims) {
			continue
		}
		if rule.Everywhere {
			return grant{rule: rule}, ""
		}
		names := slices.Clone(rule.Namespaces)
		if len(rule.NamespacesFrom) > 0 {
			names = namesIn(lookup(claims, rule.NamespacesFrom), rule.Prefix)
		}
		switch {
		case len(names) == 0: // an actor without namespaces would be a global one
			return grant{}, "the rule that matches takes the namespaces from a claim, and there are none"
		case len(names) > maxNamespaces:
			return grant{}, "the claim of the namespaces holds too many"
		}
		return grant{rule, names}, ""
	}
	return grant{}, "no rule matches its claims"
}

// matches reports whether all of the pattern is in the claims.
func matches(pattern, claims map[string]any) bool {
	for name, want := range pattern {
		have, ok := claims[name]
		if !ok || !fits(name, want, have) {
			return false
		}
	}
	return len(pattern) > 0
}

func fits(name string, want, have any) bool {
	switch want := want.(type) {
	case string:
		return slices.Contains(texts(name, have), want)
	case bool:
		is, ok := have.(bool)
		return ok && is == want
	case map[string]any:
		within, ok := have.(map[string]any)
		return ok && matches(want, within)
	}
	return false
}

// texts are the texts of a claim: itself, those of its list, or the words of
// the two claims that are lists in one text (RFC 8693, section 4.2).
func texts(name string, claim any) []string {
	switch claim := claim.(type) {
	case string:
		if name == "scope" || name == "scp" {
			return strings.Fields(claim)
		}
		return []string{claim}
	case []any:
		out := make([]string, 0, len(claim))
		for _, one := range claim {
			if text, ok := one.(string); ok {
				out = append(out, text)
			}
		}
		return out
	}
	return nil
}

func lookup(claims map[string]any, path []string) any {
	var at any = claims
	for _, name := range path {
		within, ok := at.(map[string]any)
		if !ok {
			return nil
		}
		at = within[name]
	}
	return at
}

// namesIn are the names of namespaces in a claim, sorted. What is none is left
// out: a list of groups holds much that has nothing to do with Credence.
func namesIn(claim any, prefix string) []string {
	var names []string
	for _, text := range texts("", claim) {
		name, ok := strings.CutPrefix(text, prefix)
		if ok && namespaceName(name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// namespaceName is the form of the names of namespaces: a DNS label.
func namespaceName(name string) bool {
	return regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`).MatchString(name)
}
