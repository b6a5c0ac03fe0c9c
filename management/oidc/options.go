package oidc

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	gooidc "github.com/coreos/go-oidc/v3/oidc"
	"github.com/prometheus/client_golang/prometheus"

	"credence/store"
)

// Options is what the authenticator needs. All but the fields of the issuers
// are mandatory.
type Options struct {
	Issuers    []Issuer
	Next       AdminTokens  // who is asked about everything that is no JWT
	HTTP       *http.Client // of package outgoing: the issuer is an address that somebody named
	Now        func() time.Time
	Logger     *slog.Logger
	Registerer prometheus.Registerer
}

// Issuer is one identity provider and what its tokens are good for.
type Issuer struct {
	Name       string        // short; in the audit log as oidc:NAME:SUBJECT
	URL        string        // exactly as in the claim iss
	Audiences  []string      // one of them must be in the claim aud
	Algorithms []string      // that may sign; nil means RS256 and ES256
	Leeway     time.Duration // how far its clock may be off; 0 means a minute, at most 5
	Rules      []Rule        // the first that matches decides
}

// Rule gives a role in namespaces to the tokens that match.
type Rule struct {
	// Match is a part of the claims, written as they are: every text must be
	// the claim, or one of its list, or a word of the claims scope and scp.
	Match map[string]any
	Role  store.Role
	// Everywhere, Namespaces or NamespacesFrom says where.
	Everywhere     bool
	Namespaces     []string
	NamespacesFrom []string // path of a claim that lists them
	Prefix         string   // of the entries there that are meant; it is cut off
	// TokenLife is the longest life of an admin token that the caller makes; 0:
	// it ends with the caller's own.
	TokenLife time.Duration
}

// Bounds of a configuration.
const (
	maxIssuers = 16
	maxRules   = 200
	maxLeeway  = 5 * time.Minute
	maxLife    = 366 * 24 * time.Hour
)

// algorithms are those that may be allowed. What needs a shared secret is not
// among them: the issuer's public key would be that secret.
func algorithms() []string {
	return []string{
		gooidc.RS256, gooidc.RS384, gooidc.RS512, gooidc.PS256, gooidc.PS384, gooidc.PS512,
		gooidc.ES256, gooidc.ES384, gooidc.ES512, gooidc.EdDSA,
	}
}

// Validate says what is wrong with the issuers, naming issuer, field and
// remedy, and fills in what was left out.
func Validate(issuers []Issuer) error {
	if len(issuers) == 0 {
		return errors.New("issuers: none: name at least one, or leave the file out")
	}
	if len(issuers) > maxIssuers {
		return fmt.Errorf("issuers: %d are too many: at most %d", len(issuers), maxIssuers)
	}
	names, urls := map[string]bool{}, map[string]bool{}
	for i := range issuers {
		issuer := &issuers[i]
		where := fmt.Sprintf("issuers[%d]", i)
		if err := issuer.validate(); err != nil {
			return fmt.Errorf("%s.%w", where, err)
		}
		if names[issuer.Name] || urls[issuer.URL] {
			return fmt.Errorf("%s: name or url is there twice: put the rules into one issuer", where)
		}
		names[issuer.Name], urls[issuer.URL] = true, true
	}
	return nil
}

func (i *Issuer) validate() error {
	if !regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$`).MatchString(i.Name) {
		return fmt.Errorf("name: %q: give 1 to 32 of a-z 0-9 -; audit entries show it", i.Name)
	}
	if err := secureURL(i.URL); err != nil {
		return fmt.Errorf("url: %w", err)
	}
	if len(i.Audiences) == 0 || slices.Contains(i.Audiences, "") {
		return errors.New("audiences: missing: a token made for another service would be accepted; name what the claim aud holds for Credence")
	}
	if i.Algorithms == nil {
		i.Algorithms = []string{gooidc.RS256, gooidc.ES256}
	}
	for _, a := range i.Algorithms {
		if !slices.Contains(algorithms(), a) {
			return fmt.Errorf("algorithms: %q is none of %s", a, strings.Join(algorithms(), ", "))
		}
	}
	if len(i.Algorithms) == 0 {
		return errors.New("algorithms: none: leave it out for RS256 and ES256")
	}
	if i.Leeway == 0 {
		i.Leeway = time.Minute
	}
	if i.Leeway < 0 || i.Leeway > maxLeeway {
		return fmt.Errorf("leeway: %s is not from 0 to %s", i.Leeway, maxLeeway)
	}
	if len(i.Rules) == 0 || len(i.Rules) > maxRules {
		return fmt.Errorf("rules: %d: without a rule nobody may do anything; give 1 to %d", len(i.Rules), maxRules)
	}
	for n := range i.Rules {
		if err := i.Rules[n].validate(); err != nil {
			return fmt.Errorf("rules[%d].%w", n, err)
		}
	}
	return nil
}

// secureURL refuses what others could answer in the issuer's place. Plain HTTP
// is for an issuer on this machine.
func secureURL(text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return fmt.Errorf("%q is not an address such as https://login.example.com/realms/platform", text)
	}
	if u.Scheme == "https" || u.Scheme == "http" && loopback(u.Hostname()) {
		return nil
	}
	return fmt.Errorf("%q: https is needed: whoever answers there decides who is let in", text)
}

func loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}

func (r *Rule) validate() error {
	if len(r.Match) == 0 {
		return errors.New("match: missing: it would match every token; name a claim and its value")
	}
	if err := checkPattern(r.Match, "match"); err != nil {
		return err
	}
	if !slices.Contains(store.Roles(), r.Role) {
		return fmt.Errorf("role: %q is none of %s", r.Role, strings.Join(roleNames(), ", "))
	}
	ways := 0
	for _, given := range []bool{r.Everywhere, len(r.Namespaces) > 0, len(r.NamespacesFrom) > 0} {
		if given {
			ways++
		}
	}
	if ways != 1 {
		return errors.New(`namespaces: say it one way: "*" alone for all, a list of names, or namespaces_from a claim`)
	}
	for _, name := range r.Namespaces {
		if !namespaceName(name) {
			return fmt.Errorf(`namespaces: %q is no name of a namespace; "*" stands alone`, name)
		}
	}
	if len(r.Namespaces) > maxNamespaces {
		return fmt.Errorf("namespaces: %d are too many: at most %d", len(r.Namespaces), maxNamespaces)
	}
	if slices.Contains(r.NamespacesFrom, "") {
		return errors.New("namespaces_from: an empty name in the path of the claim")
	}
	if r.Prefix != "" && len(r.NamespacesFrom) == 0 {
		return errors.New("namespaces_prefix: there is no namespaces_from that it could be of")
	}
	if r.TokenLife < 0 || r.TokenLife > maxLife {
		return fmt.Errorf("token_life: %s is not from 0 to %s", r.TokenLife, maxLife)
	}
	return nil
}

// checkPattern refuses what could never match, or not as it reads.
func checkPattern(pattern map[string]any, at string) error {
	for name, want := range pattern {
		at := at + "." + name
		switch want := want.(type) {
		case bool:
		case string:
			if want == "" {
				return fmt.Errorf("%s: empty: give the value of the claim", at)
			}
		case map[string]any:
			if len(want) == 0 {
				return fmt.Errorf("%s: empty: name a claim within it", at)
			}
			if err := checkPattern(want, at); err != nil {
				return err
			}
		case []any:
			return fmt.Errorf("%s: a list: nobody can see whether all of it is meant or any: write a rule for each value", at)
		default:
			return fmt.Errorf("%s: %v is neither a text, nor true or false, nor claims within: put a number into quotes if the claim is a text", at, want)
		}
	}
	return nil
}

func roleNames() []string {
	names := make([]string, 0, len(store.Roles()))
	for _, r := range store.Roles() {
		names = append(names, string(r))
	}
	return names
}

func (o *Options) validate() error {
	switch {
	case o.Next == nil:
		return errors.New("oidc: option Next is missing")
	case o.HTTP == nil:
		return errors.New("oidc: option HTTP is missing")
	case o.Now == nil:
		return errors.New("oidc: option Now is missing")
	case o.Logger == nil:
		return errors.New("oidc: option Logger is missing")
	case o.Registerer == nil:
		return errors.New("oidc: option Registerer is missing")
	}
	return Validate(o.Issuers)
}
