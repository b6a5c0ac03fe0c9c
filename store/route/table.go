package route

import (
	"fmt"
	"strings"
)

// Chooser is a policy and what it is chosen for: each of the methods, on each
// of the paths, at each of the hosts. Without any host and path it is chosen
// for nothing; otherwise an empty list stands for any.
type Chooser struct {
	Name    string
	Hosts   []string // "api.example.com" or "*.example.com", in lower case
	Paths   []string // "/a/b", or "/a/*" for everything below "/a/"
	Methods []string // in upper case
}

// Rules is how many rules it makes.
func (c *Chooser) Rules() int {
	if len(c.Hosts) == 0 && len(c.Paths) == 0 {
		return 0
	}
	return max(1, len(c.Hosts)) * max(1, len(c.Paths)) * max(1, len(c.Methods))
}

// Rule is what a policy is chosen by; "" stands for any.
type Rule struct{ Host, Path, Method string }

// String is the rule as people read it.
func (r Rule) String() string {
	or := func(text, otherwise string) string {
		if text == "" {
			return otherwise
		}
		return text
	}
	return or(r.Method, "any method") + " " + or(r.Host, "any host") + " " + or(r.Path, "any path")
}

// AmbiguousError is a rule of two policies.
type AmbiguousError struct {
	Policy, Other string // names; Other came first
	Rule          Rule   // of Policy
	Spelled       string // the path as Other spells it
}

func (e *AmbiguousError) Error() string {
	return fmt.Sprintf("policies %q and %q have the same rule: %s", e.Policy, e.Other, e.Rule)
}

// Table is the rules of all policies. It is immutable.
type Table struct {
	exact map[string]*level // by host
	below map[string]*level // by what a host ends with: ".example.com"
	any   *level
}

// level is the rules for a host.
type level struct {
	host  string
	exact map[string]*leaf // by path in lower case
	below map[string]*leaf // by path in lower case, up to its last slash
	any   *leaf
	long  int // of the longest in below
}

// leaf is the rules for a host and a path.
type leaf struct {
	path    string // as it was written, without the star
	rule    string // and with it; "" for any
	policy  int    // for any method; -1 without one
	methods []choice
}

type choice struct {
	method string
	policy int
}

// New makes a table. The error is an [AmbiguousError]. What was checked when
// it was written is not checked again.
func New(all []Chooser) (*Table, error) {
	t := &Table{exact: map[string]*level{}, below: map[string]*level{}, any: newLevel("")}
	for i := range all {
		if err := t.add(i, all); err != nil {
			return nil, err
		}
	}
	return t, nil
}

func newLevel(host string) *level {
	return &level{host: host, exact: map[string]*leaf{}, below: map[string]*leaf{}}
}

func (t *Table) add(i int, all []Chooser) error {
	c := &all[i]
	if c.Rules() == 0 {
		return nil
	}
	for _, host := range orAny(c.Hosts) {
		for _, path := range orAny(c.Paths) {
			l := t.level(host).leaf(path)
			for _, method := range orAny(c.Methods) {
				literal, _ := cutStar(path)
				other := l.set(method, i)
				if (other < 0 || other == i) && l.path != literal {
					other = l.someone(i)
				}
				if other >= 0 && other != i {
					return &AmbiguousError{Policy: c.Name, Other: all[other].Name, Rule: Rule{host, path, method}, Spelled: l.rule}
				}
			}
		}
	}
	return nil
}

func orAny(list []string) []string {
	if len(list) == 0 {
		return []string{""}
	}
	return list
}

func (t *Table) level(host string) *level {
	into := t.exact
	suffix, wild := strings.CutPrefix(host, "*")
	switch {
	case host == "":
		return t.any
	case wild:
		into = t.below
	}
	if into[suffix] == nil {
		into[suffix] = newLevel(host)
	}
	return into[suffix]
}

// cutStar is the path of a rule without its star. Everything below "/" is any
// path.
func cutStar(path string) (literal string, below bool) {
	literal, below = strings.CutSuffix(path, "*")
	if literal == "/" && below {
		literal = ""
	}
	return literal, below
}

func (l *level) leaf(path string) *leaf {
	literal, below := cutStar(path)
	if literal == "" {
		if l.any == nil {
			l.any = &leaf{policy: -1}
		}
		return l.any
	}
	into := l.exact
	if below {
		into, l.long = l.below, max(l.long, len(literal))
	}
	key := strings.ToLower(literal)
	if into[key] == nil {
		into[key] = &leaf{path: literal, rule: path, policy: -1}
	}
	return into[key]
}

// set gives the method to the policy, and answers whose it was.
func (l *leaf) set(method string, policy int) (before int) {
	if method == "" {
		before, l.policy = l.policy, policy
		return before
	}
	for i := range l.methods {
		if l.methods[i].method == method {
			before, l.methods[i].policy = l.methods[i].policy, policy
			return before
		}
	}
	l.methods = append(l.methods, choice{method, policy})
	return -1
}

// someone is a policy of the leaf, another one if there is one.
func (l *leaf) someone(than int) int {
	found := l.policy
	for _, c := range l.methods {
		if found < 0 || found == than {
			found = c.policy
		}
	}
	return found
}
