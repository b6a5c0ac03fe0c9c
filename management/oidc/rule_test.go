package oidc

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"credence/store"
)

func claimsOf(t *testing.T, text string) map[string]any {
	t.Helper()
	var claims map[string]any
	if err := json.Unmarshal([]byte(text), &claims); err != nil {
		t.Fatal(err)
	}
	return claims
}

// TestARuleMatchesTheClaimsAsTheyAreWritten: the forms that providers use.
func TestARuleMatchesTheClaimsAsTheyAreWritten(t *testing.T) {
	type m = map[string]any
	for title, c := range map[string]struct {
		pattern m
		claims  string
		want    bool
	}{
		"a text":                     {m{"hd": "example.com"}, `{"hd":"example.com"}`, true},
		"another text":               {m{"hd": "example.com"}, `{"hd":"example.com.evil"}`, false},
		"one of a list":              {m{"groups": "ops"}, `{"groups":["dev","ops"]}`, true},
		"none of a list":             {m{"groups": "ops"}, `{"groups":["dev","ops2"]}`, false},
		"an empty list":              {m{"groups": "ops"}, `{"groups":[]}`, false},
		"a list of others":           {m{"groups": "1"}, `{"groups":[1,true,null,{"1":"1"},["1"]]}`, false},
		"within (Keycloak)":          {m{"realm_access": m{"roles": "ops"}}, `{"realm_access":{"roles":["ops"]}}`, true},
		"deeper":                     {m{"resource_access": m{"credence": m{"roles": "ops"}}}, `{"resource_access":{"credence":{"roles":["ops"]},"x":{"roles":[]}}}`, true},
		"within another":             {m{"resource_access": m{"credence": m{"roles": "ops"}}}, `{"resource_access":{"x":{"roles":["ops"]}}}`, false},
		"within a text":              {m{"realm_access": m{"roles": "ops"}}, `{"realm_access":"ops"}`, false},
		"a name with dots":           {m{"https://example.com/roles": "ops"}, `{"https://example.com/roles":["ops"]}`, true},
		"a name that looks like one": {m{"realm_access": m{"roles": "ops"}}, `{"realm_access.roles":["ops"]}`, false},
		"a word of scope":            {m{"scope": "credence"}, `{"scope":"openid credence email"}`, true},
		"a word of scp":              {m{"scp": "credence"}, `{"scp":"openid credence"}`, true},
		"a part of a word":           {m{"scope": "cred"}, `{"scope":"credence"}`, false},
		"a word of another claim":    {m{"name": "alice"}, `{"name":"alice bob"}`, false},
		"true":                       {m{"email_verified": true}, `{"email_verified":true}`, true},
		"not true":                   {m{"email_verified": true}, `{"email_verified":false}`, false},
		"true as a text":             {m{"email_verified": true}, `{"email_verified":"true"}`, false},
		"all of several":             {m{"hd": "a", "groups": "ops"}, `{"hd":"a","groups":"ops"}`, true},
		"some of several":            {m{"hd": "a", "groups": "ops"}, `{"hd":"a"}`, false},
		"null":                       {m{"groups": "ops"}, `{"groups":null}`, false},
		"case":                       {m{"groups": "ops"}, `{"groups":"Ops"}`, false},
		"nothing":                    {m{}, `{"groups":"ops"}`, false},
	} {
		if got := matches(c.pattern, claimsOf(t, c.claims)); got != c.want {
			t.Errorf("%s: %v", title, got)
		}
	}
}

func TestTheFirstRuleThatMatchesDecides(t *testing.T) {
	rules := []Rule{
		{Match: map[string]any{"groups": "admins"}, Role: store.RoleAdmin, Everywhere: true},
		{Match: map[string]any{"groups": "ops"}, Role: store.RoleOperator, Namespaces: []string{"a"}},
		{Match: map[string]any{"groups": "staff"}, Role: store.RoleViewer, NamespacesFrom: []string{"x", "ns"}, Prefix: "ns-"},
	}
	for claims, want := range map[string]string{
		`{"groups":["staff","ops","admins"]}`: "admin []",
		`{"groups":["staff","ops"]}`:          "operator [a]",
		`{"groups":["staff"],"x":{"ns":["ns-b","ns-a","ns-b","other","ns-","ns-*","ns-A"]}}`: "viewer [a b]",
		`{"groups":["staff"],"x":{"ns":"ns-a"}}`:                                             "viewer [a]",
		// Nobody becomes global because a claim is missing or strange.
		`{"groups":["staff"]}`:                         "there are none",
		`{"groups":["staff"],"x":{"ns":[]}}`:           "there are none",
		`{"groups":["staff"],"x":{"ns":["*","ns-*"]}}`: "there are none",
		`{"groups":["staff"],"x":{"ns":{"ns-a":1}}}`:   "there are none",
		`{"groups":["staff"],"x":["ns-a"]}`:            "there are none",
		`{}`:                                           "no rule matches",
	} {
		g, why := granted(rules, claimsOf(t, claims))
		got := why
		if g.rule != nil {
			got = fmt.Sprint(g.rule.Role, " ", g.namespaces)
		}
		if !strings.Contains(got, want) {
			t.Errorf("%s: %q, want %q", claims, got, want)
		}
		if g.rule != nil && len(g.namespaces) == 0 && !g.rule.Everywhere {
			t.Errorf("%s: global by accident", claims)
		}
	}
	many := make([]string, maxNamespaces+1)
	for i := range many {
		many[i] = fmt.Sprintf(`"ns-%d"`, i)
	}
	if g, why := granted(rules, claimsOf(t, `{"groups":"staff","x":{"ns":[`+strings.Join(many, ",")+`]}}`)); g.rule != nil || !strings.Contains(why, "too many") {
		t.Errorf("too many namespaces: %v %q", g, why)
	}
}

func TestAConfigurationThatIsWrongIsNamed(t *testing.T) {
	for want, change := range map[string]func(*Issuer){
		"name:":                    func(i *Issuer) { i.Name = "My IdP" },
		"url: \"idp\"":             func(i *Issuer) { i.URL = "idp" },
		"https is needed":          func(i *Issuer) { i.URL = "http://idp.example.com" },
		"url: \"https://a?b=c\"":   func(i *Issuer) { i.URL = "https://a?b=c" },
		"audiences: missing":       func(i *Issuer) { i.Audiences = nil },
		"algorithms: \"HS256\"":    func(i *Issuer) { i.Algorithms = []string{"RS256", "HS256"} },
		"algorithms: \"none\"":     func(i *Issuer) { i.Algorithms = []string{"none"} },
		"algorithms: none":         func(i *Issuer) { i.Algorithms = []string{} },
		"leeway: 6m0s":             func(i *Issuer) { i.Leeway = 6 * time.Minute },
		"rules: 0":                 func(i *Issuer) { i.Rules = nil },
		"rules[0].match: missing":  func(i *Issuer) { i.Rules[0].Match = nil },
		"rules[0].match.g: empty":  func(i *Issuer) { i.Rules[0].Match = map[string]any{"g": ""} },
		"rules[0].match.g: a list": func(i *Issuer) { i.Rules[0].Match = map[string]any{"g": []any{"a"}} },
		"rules[0].match.g.h: 7":    func(i *Issuer) { i.Rules[0].Match = map[string]any{"g": map[string]any{"h": 7}} },
		"rules[0].match.g: <nil>":  func(i *Issuer) { i.Rules[0].Match = map[string]any{"g": nil} },
		"rules[0].role: \"root\"":  func(i *Issuer) { i.Rules[0].Role = "root" },
		"say it one way":           func(i *Issuer) { i.Rules[0].Everywhere = false },
		"one way: \"*\"":           func(i *Issuer) { i.Rules[0].Namespaces = []string{"a"} },
		"\"*\" stands alone": func(i *Issuer) {
			i.Rules[0].Everywhere, i.Rules[0].Namespaces = false, []string{"a", "*"}
		},
		"namespaces_prefix": func(i *Issuer) { i.Rules[0].Prefix = "x" },
		"token_life":        func(i *Issuer) { i.Rules[0].TokenLife = -1 },
	} {
		i := Issuer{Name: "idp", URL: "https://idp.example.com", Audiences: []string{"a"}, Rules: []Rule{
			{Match: map[string]any{"g": "x"}, Role: store.RoleAdmin, Everywhere: true},
		}}
		if err := Validate([]Issuer{i}); err != nil {
			t.Fatal(err)
		}
		change(&i)
		err := Validate([]Issuer{i})
		if err == nil || !strings.HasPrefix(err.Error(), "issuers[0].") || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
	if Validate(nil) == nil || Validate(make([]Issuer, maxIssuers+1)) == nil {
		t.Error("none or too many issuers are accepted")
	}
	defaults := []Issuer{{Name: "a", URL: "http://127.0.0.1:5556/dex", Audiences: []string{"a"}, Rules: []Rule{{Match: map[string]any{"g": "x"}, Role: store.RoleViewer, Namespaces: []string{"a"}}}}}
	if err := Validate(defaults); err != nil || defaults[0].Leeway != time.Minute || !slices.Equal(defaults[0].Algorithms, []string{"RS256", "ES256"}) {
		t.Errorf("defaults %+v, %v", defaults, err)
	}
	if err := Validate(append(defaults, defaults[0])); err == nil || !strings.Contains(err.Error(), "there twice") {
		t.Errorf("the same issuer twice: %v", err)
	}
}
