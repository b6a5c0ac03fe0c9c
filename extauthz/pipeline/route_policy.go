package pipeline

import (
	"bytes"
	"strings"

	"credence/store"
	"credence/store/limit"
)

const (
	defaultNamespace = store.DefaultNamespace

	// extensionPrefix marks the context extensions that are ours.
	extensionPrefix = "credence"
	// maxExtension bounds the value of one of them.
	maxExtension = 4096
)

// routePolicy is what the route demands, from the context extensions that the
// proxy's configuration sets and no client can write:
//
//	credence.namespace    namespaces whose keys are accepted; default: "default"
//	credence.scopes       scopes that the key must hold, all of them
//	credence.environment  the environment the key must be of
//	credence.cost         what the request is worth to limits, 1 to 1000000
//	credence.mode         "enforce", or "shadow" to watch only
//	credence.anonymous    "deny", or "allow" for requests without a credential
//	credence.policy       a stored policy
//
// Lists are separated by commas, blanks or both. Whatever else begins with
// "credence", in any letter case, is a mistake of the operator that could
// leave the route open, and so is a value that makes no sense: the whole
// policy is refused.
//
// It is read anew for each Check, since that takes less than finding it in a
// cache would; the slices alias the request.
type routePolicy struct {
	namespaces  []byte
	scopes      []byte
	environment []byte
	cost        int64
	shadow      bool
	anonymous   bool
}

// ValidRoutePolicy reports whether context extensions make a route policy, so
// that those an operator writes down elsewhere are checked before they are
// used. The names are those of [Request.Extensions].
func ValidRoutePolicy(extensions []Field) bool {
	var p routePolicy
	return p.read(extensions)
}

// read fills the policy; false when it makes no sense.
func (p *routePolicy) read(extensions []Field) bool {
	*p = routePolicy{cost: 1}
	for i := range extensions {
		name := extensions[i].Name
		if len(name) < len(extensionPrefix) || !equalFold(name[:len(extensionPrefix)], extensionPrefix) {
			continue
		}
		if !p.set(name, extensions[i].Value) {
			return false
		}
	}
	return true
}

// set reads one extension. "credence.policy" is not among them because no
// policy is stored under any name yet, so naming one is naming an unknown one.
func (p *routePolicy) set(name, value []byte) bool {
	if len(value) == 0 || len(value) > maxExtension {
		return false
	}
	switch string(name) {
	case "credence.namespace":
		p.namespaces = value
		return everyWord(value, isNamespace)
	case "credence.scopes":
		p.scopes = value
		return everyWord(value, isDemandedScope)
	case "credence.environment":
		p.environment = value
		return isEnvironment(value)
	case "credence.cost":
		p.cost = parseCost(value)
		return p.cost > 0
	case "credence.mode":
		p.shadow = string(value) == "shadow"
		return p.shadow || string(value) == "enforce"
	case "credence.anonymous":
		p.anonymous = string(value) == "allow"
		return p.anonymous || string(value) == "deny"
	}
	return false
}

// allowsNamespace reports whether the route accepts keys of the namespace.
func (p *routePolicy) allowsNamespace(namespace string) bool {
	if len(p.namespaces) == 0 {
		return namespace == defaultNamespace
	}
	for word, rest := cutWord(p.namespaces); len(word) > 0; word, rest = cutWord(rest) {
		if string(word) == namespace {
			return true
		}
	}
	return false
}

// missingScope is the first demanded scope that is not held, nil when all are.
func (p *routePolicy) missingScope(held string) []byte {
	for word, rest := cutWord(p.scopes); len(word) > 0; word, rest = cutWord(rest) {
		if !holdsScope(held, word) {
			return word
		}
	}
	return nil
}

// everyWord reports whether the list has a word and all of them are valid.
func everyWord(list []byte, valid func(word []byte) bool) bool {
	word, rest := cutWord(list)
	if len(word) == 0 {
		return false
	}
	for ; len(word) > 0; word, rest = cutWord(rest) {
		if !valid(word) {
			return false
		}
	}
	return true
}

// isNamespace is the form of a namespace's name: 1 to 63 of a-z 0-9 -.
func isNamespace(word []byte) bool {
	return len(word) <= 63 && isWordOf(word, "-")
}

// isEnvironment is the form of an environment's name.
func isEnvironment(word []byte) bool {
	return len(word) <= 63 && isWordOf(word, "-_")
}

func isWordOf(word []byte, others string) bool {
	for _, b := range word {
		if (b < 'a' || b > 'z') && (b < '0' || b > '9') && strings.IndexByte(others, b) < 0 {
			return false
		}
	}
	return len(word) > 0
}

// isDemandedScope is the form of a scope on a route: wildcards are for keys to
// hold, not for routes to demand.
func isDemandedScope(word []byte) bool {
	return isScope(word) && bytes.IndexByte(word, '*') < 0
}

// isScope is the form of a scope: visible ASCII that can stand in a list and
// between quotes.
func isScope[T []byte | string](word T) bool {
	for i := range len(word) {
		if b := word[i]; b <= ' ' || b >= 0x7f || b == '"' || b == ',' {
			return false
		}
	}
	return len(word) > 0 && len(word) <= maxText
}

// parseCost reads 1 to [limit.MaxCost] in decimal digits, 0 for anything else.
func parseCost(text []byte) int64 {
	var cost int64
	for _, b := range text {
		if b < '0' || b > '9' {
			return 0
		}
		if cost = cost*10 + int64(b-'0'); cost > limit.MaxCost {
			return 0
		}
	}
	return cost
}
