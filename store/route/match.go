package route

import (
	"bytes"
	"strings"
)

// Verdict is what the rules say of a request.
type Verdict uint8

// The verdicts. The zero Verdict denies.
const (
	Unknown Verdict = iota // there are no rules to ask yet
	Unclear                // it can be read in two ways: deny
	None                   // no rule speaks of it
	Found                  // a policy
)

// String is the verdict's name.
func (v Verdict) String() string {
	switch v {
	case Unclear:
		return "unclear"
	case None:
		return "none"
	case Found:
		return "found"
	case Unknown:
	}
	return "unknown"
}

// Match is the answer for a request.
type Match struct {
	Verdict Verdict
	Policy  int  // place in the list that the table was made of; only of Found
	Rule    Rule // by which it was found; of Unclear, the one that it may be meant for
	Why     Why  // only of Unclear
}

// Why is what makes a request unclear.
type Why uint8

// The reasons.
const (
	OddHost  Why = iota + 1 // no host, where rules name hosts
	OddPath                 // a path that is not strict
	NearPath                // the path of a rule but for case, an escape or a slash at the end
	NearCase                // the method of a rule but for its letter case
)

// Match finds the policy for a request: its authority, its target and its
// method, all as they stood on the wire. It does not allocate.
func (t *Table) Match(authority, target, method []byte) Match {
	s := search{method: method, path: WithoutQuery(target), near: -1}
	if len(t.exact)+len(t.below) > 0 {
		var room [maxHost]byte
		host, ok := hostOf(authority, &room)
		if !ok {
			return Match{Verdict: Unclear, Why: OddHost}
		}
		if s.level(t.exact[string(host)]) {
			return s.found
		}
		for len(t.below) > 0 && len(host) > 0 {
			i := bytes.IndexByte(host[1:], '.')
			if i < 0 {
				break
			}
			host = host[1+i:]
			if s.level(t.below[string(host)]) {
				return s.found
			}
		}
	}
	if s.level(t.any) {
		return s.found
	}
	return s.end(Match{Verdict: None, Policy: -1})
}

// search goes through the rules from the most specific one on.
type search struct {
	method, path []byte
	read         bool // the path is in reading
	reading      reading

	near     int // policy of the first rule that the request nearly meets; -1
	nearRule Rule
	nearWhy  Why

	found Match
}

// level tries the rules of a host; true ends the search.
func (s *search) level(l *level) bool {
	if l == nil {
		return false
	}
	if len(l.exact)+len(l.below) > 0 && s.paths(l) {
		return true
	}
	return l.any != nil && s.leaf(l, l.any, true)
}

// paths tries those that name a path.
func (s *search) paths(l *level) bool {
	if !s.read {
		if !PlainPath(s.path) {
			s.found = Match{Verdict: Unclear, Why: OddPath}
			return true
		}
		s.reading.read(s.path)
		s.read = true
	}
	r := &s.reading
	text := r.room[:r.n]
	if r.whole {
		if s.exact(l, text, false) {
			return true
		}
		if text[r.n-1] == '/' {
			// "/a/" is below "/a/*", and "/a" with a slash too many.
			if s.below(l, text, false) || r.n > 1 && s.exact(l, text[:r.n-1], true) {
				return true
			}
			text = text[:r.n-1]
		} else {
			r.room[r.n] = '/'
			slashed := r.room[:r.n+1]
			if s.exact(l, slashed, true) || s.below(l, slashed, true) {
				return true
			}
		}
	}
	for {
		i := bytes.LastIndexByte(text, '/')
		if i < 1 {
			return false
		}
		if s.below(l, text[:i+1], false) {
			return true
		}
		text = text[:i]
	}
}

func (s *search) exact(l *level, text []byte, slash bool) bool {
	f := l.exact[string(text)]
	return f != nil && s.leaf(l, f, !slash && string(s.path) == f.path)
}

func (s *search) below(l *level, text []byte, slash bool) bool {
	if len(text) > l.long {
		return false
	}
	f := l.below[string(text)]
	return f != nil && s.leaf(l, f, !slash && len(s.path) >= len(f.path) && string(s.path[:len(f.path)]) == f.path)
}

// leaf tries the rules of a host and a path. meets is false where the path
// only nearly is that of the rule.
func (s *search) leaf(l *level, f *leaf, meets bool) bool {
	policy, method, cased := f.pick(s.method)
	if cased >= 0 {
		c := f.methods[cased]
		s.nearly(c.policy, Rule{l.host, f.rule, c.method}, NearCase)
	}
	if policy < 0 {
		return false
	}
	rule := Rule{l.host, f.rule, method}
	if !meets {
		s.nearly(policy, rule, NearPath)
		return false
	}
	s.found = s.end(Match{Verdict: Found, Policy: policy, Rule: rule})
	return true
}

// nearly notes the first rule that the request only nearly meets.
func (s *search) nearly(policy int, rule Rule, why Why) {
	if s.near < 0 {
		s.near, s.nearRule, s.nearWhy = policy, rule, why
	}
}

// end is the match, unless the request nearly met a rule of another policy
// before it.
func (s *search) end(m Match) Match {
	if s.near >= 0 && s.near != m.Policy {
		return Match{Verdict: Unclear, Rule: s.nearRule, Why: s.nearWhy}
	}
	return m
}

// pick is the policy for the method, -1 without one, and the method it is
// named by. cased is the place of a method that is it but for letter case.
func (l *leaf) pick(method []byte) (policy int, named string, cased int) {
	cased = -1
	for i := range l.methods {
		m := l.methods[i].method
		if string(method) == m {
			return l.methods[i].policy, m, -1
		}
		if cased < 0 && equalFold(method, m) {
			cased = i
		}
	}
	return l.policy, "", cased
}

// equalFold compares with an upper-case method, ASCII letter case aside.
func equalFold(text []byte, upper string) bool {
	if len(text) != len(upper) {
		return false
	}
	for i := range text {
		if lower(text[i]) != lower(upper[i]) {
			return false
		}
	}
	return true
}

// Explain is why a request is unclear, for people.
func (m Match) Explain() string {
	var b strings.Builder
	switch m.Why {
	case OddHost:
		return "its host is none, or can be read in two ways, and there are rules for hosts"
	case OddPath:
		return "its path can be read in two ways (escapes, dot segments, doubled slashes, ; or \\), and there are rules for paths at this host"
	case NearPath:
		b.WriteString("but for letter case, an escape or a slash at the end it would meet the rule ")
	case NearCase:
		b.WriteString("but for the letter case of its method it would meet the rule ")
	default:
		return ""
	}
	b.WriteString(m.Rule.String())
	return b.String()
}
