package pipeline

import (
	"bytes"
	"slices"
	"strings"
	"time"

	"credence/store"
	"credence/store/limit"
	"credence/store/route"
)

const (
	defaultNamespace = store.DefaultNamespace

	// extensionPrefix marks the context extensions that are ours.
	extensionPrefix = "credence"
	// maxExtension bounds the value of one of them.
	maxExtension = 4096
)

// RoutePolicy is a stored route policy as decisions read it. It is immutable.
type RoutePolicy struct {
	Name        string
	Namespaces  []string // whose keys are accepted, at least one
	Scopes      [][]byte // all demanded
	Environment string   // "" for any
	Cost        int64
	Shadow      bool
	Anonymous   bool
}

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
// leave the route open, and so is a value that makes no sense, or the name of
// a policy that is not stored: the whole policy is refused.
//
// Where a stored policy is named and something is said directly as well, the
// stricter of the two holds, word by word. A route that says none of these
// words gets the stored policy whose rules of host, path and method say so.
//
// It is read anew for each Check, since that takes less than finding it in a
// cache would; the slices alias the request.
type routePolicy struct {
	said        bool // at least one word
	named       []byte
	stored      *RoutePolicy
	namespaces  []byte
	scopes      []byte
	environment []byte
	cost        int64
	shadow      bool
	enforce     bool
	anonymous   bool
	closed      bool // said that it is not anonymous
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
		p.said = true
	}
	return true
}

// find takes the stored policy: the one that is named or, where the route says
// nothing at all, the one whose rules the request meets.
func (p *routePolicy) find(routes Routes, r *Request, now time.Time) Reason {
	switch {
	case p.named != nil:
		if routes != nil {
			p.stored = routes.Named(p.named)
		}
		if p.stored == nil {
			return ReasonBadRoutePolicy
		}
	case !p.said && routes != nil:
		stored, verdict := routes.Routed(r.Host, r.Path, r.Method)
		switch verdict {
		case route.Found:
			p.stored = stored
		case route.None:
			return ReasonNone
		case route.Unclear:
			return ReasonRouteNotAllowed
		case route.Unknown:
			return ReasonUnavailable
		}
		if stored == nil {
			return ReasonUnavailable
		}
	default:
		return ReasonNone
	}
	p.tighten()
	// Keys are refused past the ceiling; nobody else should be let in then.
	if (p.anonymous || p.shadow) && !routes.Fresh(now) {
		return ReasonUnavailable
	}
	return ReasonNone
}

// tighten makes what was said directly at least as strict as the stored policy.
func (p *routePolicy) tighten() {
	p.cost = max(p.cost, p.stored.Cost)
	p.shadow = p.stored.Shadow && !p.enforce
	p.anonymous = p.stored.Anonymous && !p.closed
}

// set reads one extension.
func (p *routePolicy) set(name, value []byte) bool {
	if len(value) == 0 || len(value) > maxExtension {
		return false
	}
	switch string(name) {
	case "credence.policy":
		p.named = value
		return isNamespace(value)
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
		p.shadow, p.enforce = string(value) == "shadow", string(value) == "enforce"
		return p.shadow || p.enforce
	case "credence.anonymous":
		p.anonymous, p.closed = string(value) == "allow", string(value) == "deny"
		return p.anonymous || p.closed
	}
	return false
}

// allowsNamespace reports whether the route accepts keys of the namespace.
func (p *routePolicy) allowsNamespace(namespace string) bool {
	if p.stored != nil && !slices.Contains(p.stored.Namespaces, namespace) {
		return false
	}
	if len(p.namespaces) == 0 {
		return p.stored != nil || namespace == defaultNamespace
	}
	for word, rest := cutWord(p.namespaces); len(word) > 0; word, rest = cutWord(rest) {
		if string(word) == namespace {
			return true
		}
	}
	return false
}

// allowsEnvironment reports whether the route accepts keys of the environment.
func (p *routePolicy) allowsEnvironment(environment string) bool {
	if p.stored != nil && p.stored.Environment != "" && p.stored.Environment != environment {
		return false
	}
	return len(p.environment) == 0 || string(p.environment) == environment
}

// missingScope is the first demanded scope that is not held, nil when all are.
func (p *routePolicy) missingScope(held string) []byte {
	if p.stored != nil {
		for _, scope := range p.stored.Scopes {
			if !holdsScope(held, scope) {
				return scope
			}
		}
	}
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
