package forward

import (
	"fmt"
	"maps"
	"slices"

	"credence/extauthz/pipeline"
)

const (
	// maxPolicies bounds how many there can be.
	maxPolicies = 10_000
	// maxPolicyName is that of the names in the store.
	maxPolicyName = 63
	// wordPrefix turns a word of a policy into a context extension.
	wordPrefix = "credence."
)

// Policies are what routes demand, by the name that stands in the path, as an
// operator wrote it down beside this process. The zero value has none. They
// come before stored policies of the same name.
type Policies struct {
	byName map[string][]pipeline.Field
}

// NewPolicies checks and takes what an operator wrote: for each policy its
// words and their values, such as {"orders": {"scopes": "orders:read"}}. The
// error names the policy and the word.
func NewPolicies(written map[string]map[string]string) (Policies, error) {
	if len(written) > maxPolicies {
		return Policies{}, fmt.Errorf("%d policies are too many; at most %d", len(written), maxPolicies)
	}
	p := Policies{byName: make(map[string][]pipeline.Field, len(written))}
	for _, name := range slices.Sorted(maps.Keys(written)) {
		if !isPolicyName(name) {
			return Policies{}, fmt.Errorf("policy %q: not a name: use 1 to %d of a-z 0-9 -", name, maxPolicyName)
		}
		fields := []pipeline.Field{}
		for _, word := range slices.Sorted(maps.Keys(written[name])) {
			field := pipeline.Field{Name: []byte(wordPrefix + word), Value: []byte(written[name][word])}
			if !slices.Contains(words(), word) {
				return Policies{}, fmt.Errorf("policy %q: unknown word %q: use some of %v", name, word, words())
			}
			if !pipeline.ValidRoutePolicy([]pipeline.Field{field}) {
				return Policies{}, fmt.Errorf("policy %q: %s: %q makes no sense there: see `What a route can demand` in envoy/README.md",
					name, word, written[name][word])
			}
			fields = append(fields, field)
		}
		if len(fields) == 0 {
			// Not a word at all would have rules of host and path decide.
			fields = append(fields, pipeline.Field{Name: []byte("credence.mode"), Value: []byte("enforce")})
		}
		p.byName[name] = fields
	}
	return p, nil
}

// words are what a policy can say; those of context extensions without their
// prefix.
func words() []string {
	return []string{"anonymous", "cost", "environment", "mode", "namespace", "scopes"}
}

// extensions are the context extensions of a policy: those that were written
// down, or the name of a stored one. Without a name there are none, so that
// the rules of stored policies decide.
func (p Policies) extensions(name string) (fields []pipeline.Field, written bool) {
	if name == "" {
		return nil, true
	}
	if fields, written = p.byName[name]; written {
		return fields, true
	}
	return []pipeline.Field{policyWord(name)}, false
}

func isPolicyName(name string) bool {
	for i := range len(name) {
		if c := name[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return name != "" && len(name) <= maxPolicyName
}
