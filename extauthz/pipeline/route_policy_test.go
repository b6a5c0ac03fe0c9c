package pipeline

import (
	"slices"
	"strings"
	"testing"
)

func TestRouteWithoutPolicyAcceptsTheDefaultNamespaceOnly(t *testing.T) {
	for namespace, want := range map[string]Reason{"default": ReasonAllowed, "shop": ReasonNamespaceNotAllowed} {
		w := newWorld(t)
		w.key.Namespace = namespace
		w.extend("tier", "gold", "policy", "x")
		w.want(t, want)
	}
}

func TestRouteNamesItsNamespaces(t *testing.T) {
	for list, allowed := range map[string]bool{
		"default": true, "shop,default": true, " shop , default ": true, "shop default": true,
		"shop": false, "default2": false, "defaul": false, "default-x": false,
	} {
		w := newWorld(t)
		w.extend("credence.namespace", list)
		if got := w.decide(t).Reason == ReasonAllowed; got != allowed {
			t.Errorf("%q: %v", list, w.decision.Reason)
		}
	}
}

func TestCostOfTheRouteIsCharged(t *testing.T) {
	for text, cost := range map[string]int64{"": 1, "1": 1, "25": 25, "1000000": 1_000_000, "007": 7} {
		w := newWorld(t)
		w.key.Limits = []SubjectLimit{{}}
		if text != "" {
			w.extend("credence.cost", text)
		}
		w.want(t, ReasonAllowed)
		if w.limiter.cost != cost {
			t.Errorf("%q: charged %d", text, w.limiter.cost)
		}
	}
}

func TestPolicyThatMakesNoSenseDenies(t *testing.T) {
	for _, pair := range [][2]string{
		{"credence.scope", "a"},
		{"credence.", "a"},
		{"credence", "a"},
		{"credence_scopes", "a"},
		{"Credence.scopes", "a"},
		{"CREDENCE.SCOPES", "a"},
		{"credence.Scopes", "a"},
		{"credence.policy", "public"},
		{"credence.namespace", ""},
		{"credence.namespace", " , "},
		{"credence.namespace", "Default"},
		{"credence.namespace", "default;shop"},
		{"credence.namespace", "*"},
		{"credence.namespace", strings.Repeat("a", 64)},
		{"credence.scopes", ""},
		{"credence.scopes", ",,"},
		{"credence.scopes", "orders:*"},
		{"credence.scopes", "orders:r\x00ead"},
		{"credence.scopes", "\"orders:read\""},
		{"credence.scopes", "b\u00fccher"},
		{"credence.scopes", strings.Repeat("a ", 3000)},
		{"credence.scopes", strings.Repeat("a", 257)},
		{"credence.environment", ""},
		{"credence.environment", "live test"},
		{"credence.environment", "LIVE"},
		{"credence.environment", strings.Repeat("a", 64)},
		{"credence.cost", ""},
		{"credence.cost", "0"},
		{"credence.cost", "-1"},
		{"credence.cost", "+1"},
		{"credence.cost", "1.5"},
		{"credence.cost", " 1"},
		{"credence.cost", "1000001"},
		{"credence.cost", "99999999999999999999999"},
		{"credence.mode", ""},
		{"credence.mode", "Shadow"},
		{"credence.mode", "off"},
		{"credence.anonymous", ""},
		{"credence.anonymous", "true"},
		{"credence.anonymous", "ALLOW"},
	} {
		w := newWorld(t)
		w.extend("credence.mode", "shadow", "credence.anonymous", "allow", pair[0], pair[1])
		if d := w.decide(t); d.Reason != ReasonBadRoutePolicy || d.Allowed() {
			t.Errorf("%s=%q: %v, allowed %v", pair[0], pair[1], d.Reason, d.Allowed())
		}
	}
}

func TestEveryValueOfAPolicyCanBeSaid(t *testing.T) {
	w := newWorld(t)
	w.extend("credence.namespace", "default", "credence.scopes", "orders:read", "credence.environment", "live",
		"credence.cost", "2", "credence.mode", "enforce", "credence.anonymous", "deny", "x", "", "credenc", "")
	if d := w.decide(t); d.Reason != ReasonAllowed || d.Shadow {
		t.Errorf("%v, shadow %v", d.Reason, d.Shadow)
	}
	w.header()
	w.want(t, ReasonMissingKey)
}

// A policy that is taken holds no word that could match by accident, and the
// words of a list are those that a plain split would give.
func FuzzRoutePolicy(f *testing.F) {
	f.Add([]byte("credence.namespace"), []byte("default, shop"))
	f.Add([]byte("credence.scopes"), []byte("orders:read items:*"))
	f.Add([]byte("credence.cost"), []byte("1000000"))
	f.Add([]byte("CREDENCE.mode"), []byte("shadow"))
	f.Add([]byte("credence.anonymous"), []byte("allow"))
	f.Add([]byte("tier"), []byte("\xff"))
	f.Fuzz(func(t *testing.T, name, value []byte) {
		var p routePolicy
		ok := p.read([]Field{{name, value}})
		ours := len(name) >= 8 && strings.EqualFold(string(name[:8]), "credence")
		if !ours && (!ok || p.shadow || p.anonymous || p.namespaces != nil || p.scopes != nil || p.cost != 1) {
			t.Fatalf("%q=%q is not ours: %+v", name, value, p)
		}
		if !ok {
			return
		}
		if p.cost < 1 || p.cost > 1_000_000 || (p.shadow || p.anonymous) && len(value) > len("shadow") {
			t.Fatalf("%q=%q: %+v", name, value, p)
		}
		words := strings.FieldsFunc(string(p.scopes), func(r rune) bool { return r == ',' || r == ' ' || r == '\t' })
		if p.scopes != nil && (len(words) == 0 || p.missingScope(strings.Join(words, " ")) != nil || p.missingScope(strings.Join(words[1:], " ")) == nil && !slices.Contains(words[1:], words[0])) {
			t.Fatalf("scopes %q: words %q", value, words)
		}
	})
}
