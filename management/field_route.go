package management

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"credence/store"
	"credence/store/credential"
	"credence/store/limit"
	"credence/store/route"
)

// Bounds of route policies. Every replica holds all of them in memory, and
// reads all of them again when one changes.
const (
	maxPolicies         = 1_000
	maxPolicyNamespaces = 64
	maxPolicyRules      = 1_000  // of one policy: hosts x paths x methods
	maxAllRules         = 20_000 // of all
)

// policyName checks the name of a route policy: it stands in the proxy's
// configuration and in the paths of forward-auth.
func (p *problems) policyName(value string) string {
	const remedy = "use 1 to 63 of a-z 0-9 -"
	ok := len(value) <= maxNamespace
	for i := range len(value) {
		c := value[i]
		ok = ok && (c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-')
	}
	switch {
	case value == "":
		p.add("name", "is missing", remedy)
	case !ok:
		p.add("name", quoted(value)+" is no name of a route policy", remedy)
	case value == "explain":
		p.add("name", quoted(value)+" is a word of the API", "choose another")
	}
	return value
}

func (p *problems) policyNamespaces(values []string) []string {
	return p.each("namespaces", values, maxPolicyNamespaces, func(string, string) {})
}

// policyNamespacesExist notes those that do not: nobody's keys would be
// accepted, until somebody makes a namespace of that name.
func (t *transaction) policyNamespacesExist(ctx context.Context, p *problems, names []string) error {
	for i, name := range names {
		if name == "" {
			continue // noted already
		}
		_, err := t.Namespace(ctx, name)
		if errors.Is(err, store.ErrNotFound) {
			p.add(at("namespaces", i), quoted(name)+" does not exist", "name one that does, or make it first")
			continue
		}
		if err != nil {
			return fmt.Errorf("namespaces: %w", err)
		}
	}
	return nil
}

// demandedScopes are scopes without wildcards: those are for keys to hold.
func (p *problems) demandedScopes(values []string) []string {
	for i, value := range values {
		if strings.Contains(value, "*") {
			p.add(at("scopes", i), quoted(value)+" holds a star", "name the scope that a key must hold; a key may hold it by a wildcard")
		}
	}
	return p.scopes(values)
}

func (p *problems) demandedEnvironment(value string) string {
	if value != "" && credential.ValidateEnvironment(value) != nil {
		p.add("environment", quoted(value)+" is no environment of a key", `use 1 to 16 of a-z 0-9, like "live", or leave it out for any`)
	}
	return value
}

func (p *problems) cost(value int64) int64 {
	if value < 0 || value > limit.MaxCost {
		p.add("cost", strconv.FormatInt(value, 10)+" is out of range", "use 1 to "+strconv.Itoa(limit.MaxCost))
	}
	return max(1, value)
}

func (p *problems) shadow(mode string) bool {
	if mode != "" && mode != "enforce" && mode != "shadow" {
		p.add("mode", quoted(mode)+" is no mode", "use enforce, or shadow to watch only")
	}
	return mode == "shadow"
}

func (p *problems) anonymous(value string) bool {
	if value != "" && value != "deny" && value != "allow" {
		p.add("anonymous", quoted(value)+" is neither deny nor allow", "use allow to let requests without a key in, else deny")
	}
	return value == "allow"
}

// policyPaths are paths of which no two differ in letter case alone: a server
// may take them for one.
func (p *problems) policyPaths(values []string) []string {
	seen := make(map[string]string, len(values))
	for i, value := range values {
		folded := strings.ToLower(value)
		if other, twice := seen[folded]; twice && other != value {
			p.add(at("paths", i), quoted(value)+" is "+quoted(other)+" but for letter case", "keep the one that the upstream serves")
		}
		seen[folded] = value
	}
	return p.paths(values)
}

// policyRules checks what the policy is chosen for, as a whole.
func (p *problems) policyRules(policy *store.RoutePolicy) {
	if len(p.fields) > 0 {
		return
	}
	c := chooser(policy)
	switch rules := c.Rules(); {
	case rules == 0 && len(policy.Methods) > 0:
		p.add("methods", "choose nothing without hosts or paths", `add some, such as the path "/*" for all`)
	case rules > maxPolicyRules:
		p.add("paths", fmt.Sprintf("times hosts and methods make %d rules", rules),
			fmt.Sprintf("at most %d are allowed for one policy: use wider ones", maxPolicyRules))
	}
}

// roomForPolicy refuses a policy beyond the bounds, and one that has a rule of
// another: which of the two holds would be a guess.
func (t *transaction) roomForPolicy(ctx context.Context, policy *store.RoutePolicy) error {
	all, err := allRoutePolicies(ctx, t)
	if err != nil {
		return err
	}
	what := "route policy " + quoted(policy.Name)
	all = slices.DeleteFunc(all, func(p store.RoutePolicy) bool { return p.Name == policy.Name })
	if len(all) >= maxPolicies {
		return refuse(CodeConflict, "%s: there are %d already, the most it may be; delete some first", what, len(all))
	}
	rules := 0
	those := choosers(append(all, *policy))
	for i := range those {
		rules += those[i].Rules()
	}
	if rules > maxAllRules {
		return refuse(CodeConflict, "%s: there would be %d rules in all policies, at most %d may be; use wider hosts and paths",
			what, rules, maxAllRules)
	}
	_, err = route.New(those)
	if e, ok := errors.AsType[*route.AmbiguousError](err); ok {
		return &Error{
			Code: CodeConflict, cause: err, Message: fmt.Sprintf("%s: policy %s has the rule for %s already (its path is %s, letter case aside); "+
				"change one of the two, so that it is clear which holds", what, quoted(e.Other), e.Rule, quoted(orDefault(e.Spelled, "any"))),
		}
	}
	return err
}

// noPolicyNames refuses to delete a namespace whose keys a policy accepts: who
// makes one of that name later would get in with it.
func (t *transaction) noPolicyNames(ctx context.Context, namespace string) error {
	all, err := allRoutePolicies(ctx, t)
	if err != nil {
		return err
	}
	for i := range all {
		if slices.Contains(all[i].Namespaces, namespace) {
			return refuse(CodeInUse, "namespace %s: route policy %s accepts its keys; take it out of there first",
				quoted(namespace), quoted(all[i].Name))
		}
	}
	return nil
}

func routePolicyFacts(p *store.RoutePolicy) facts {
	f := facts{"cost": p.Cost}
	f.text("description", p.Description)
	f.texts("namespaces", p.Namespaces)
	f.texts("scopes", p.Scopes)
	f.text("environment", p.Environment)
	f.texts("hosts", p.Hosts)
	f.texts("paths", p.Paths)
	f.texts("methods", p.Methods)
	if p.Shadow {
		f["mode"] = "shadow"
	}
	if p.Anonymous {
		f["anonymous"] = "allow"
	}
	return f
}
