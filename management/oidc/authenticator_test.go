package oidc

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	jose "github.com/go-jose/go-jose/v4"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"credence/management"
	"credence/store"
	"credence/test/issuer"
)

// TestATokenThatAnIssuerHandsOutGetsTheRoleOfTheRule, with a real issuer.
func TestATokenThatAnIssuerHandsOutGetsTheRoleOfTheRule(t *testing.T) {
	i := issuer.New(t, time.Now())
	o := open(t, i, nil)
	before := time.Now()
	a, err := o.ask(t, i.Token(t, operators()))
	if err != nil {
		t.Fatalf("%v\n%s", err, o.log)
	}
	if a.ID != "oidc:test:alice" || a.Role != store.RoleOperator || !slices.Equal(a.Namespaces, []string{"a", "b"}) {
		t.Errorf("got %+v", a)
	}
	// An admin token that it makes ends with its own.
	if left := a.GrantsUntil.Sub(before); left <= 0 || left > 6*time.Minute {
		t.Errorf("it may give for %s", left)
	}
	if got := testutil.ToFloat64(o.tokens.WithLabelValues("test", "accepted")); got != 1 {
		t.Errorf("%v tokens counted", got)
	}
}

func TestARuleMayGiveALongerLifeToTheAdminTokensOfACaller(t *testing.T) {
	i := issuer.New(t, time.Now())
	o := open(t, i, func(c *Issuer) { c.Rules[0].TokenLife = 240 * time.Hour })
	a, err := o.ask(t, i.Token(t, operators()))
	if err != nil {
		t.Fatal(err)
	}
	if left := a.GrantsUntil.Sub(o.now()); left <= 239*time.Hour || left > 240*time.Hour {
		t.Errorf("it may give for %s", left)
	}
}

func TestAdminTokensPassByAndNeedNoIssuer(t *testing.T) {
	i := issuer.New(t, time.Now())
	i.Stop()
	o := open(t, i, nil)
	if a, err := o.ask(t, "crdadm_right"); err != nil || a.ID != "token:tok_1" {
		t.Errorf("got %+v, %v", a, err)
	}
	if _, err := o.ask(t, "crdadm_wrong"); code(t, err) != management.CodeUnauthorized {
		t.Errorf("got %v", err)
	}
	if i.Asked("/.well-known/openid-configuration") != 0 {
		t.Error("the issuer was asked")
	}
}

// TestATokenThatIsNotMeantIsRefused: each kind of it, with the reason in the
// log and none in the answer.
func TestATokenThatIsNotMeantIsRefused(t *testing.T) {
	i := issuer.New(t, time.Now())
	o := open(t, i, nil)
	now := o.now().Unix()
	sign := func(changes map[string]any) string { return i.Sign(t, nil, o.claims(changes)) }
	typed := func(typ string) string { return i.Sign(t, map[string]any{"typ": typ}, o.claims(nil)) }
	for _, good := range []string{sign(nil), typed("at+jwt"), typed("application/at+JWT"), sign(map[string]any{"nbf": nil, "iat": nil, "aud": []string{"x", "credence"}})} {
		if _, err := o.ask(t, good); err != nil {
			t.Fatalf("what the others differ from is refused: %v\n%s", err, o.log)
		}
	}
	for title, c := range map[string]struct{ text, reason string }{
		"expired":               {sign(map[string]any{"exp": now - 61}), "it has expired"},
		"no end":                {sign(map[string]any{"exp": nil}), "exp is missing"},
		"an end without end":    {sign(map[string]any{"exp": math.MaxInt64}), "exp is missing or no time"},
		"an end in words":       {sign(map[string]any{"exp": "never"}), "claims"},
		"not yet valid":         {sign(map[string]any{"nbf": now + 90}), "not valid yet (nbf)"},
		"made in the future":    {sign(map[string]any{"iat": now + 90}), "not valid yet (iat)"},
		"another audience":      {sign(map[string]any{"aud": "grafana"}), "audience"},
		"no audience":           {sign(map[string]any{"aud": nil}), "audience"},
		"an audience like ours": {sign(map[string]any{"aud": "credence2"}), "audience"},
		"another issuer":        {sign(map[string]any{"iss": "https://evil.example"}), "issuer that is known here"},
		"an issuer like ours":   {sign(map[string]any{"iss": i.URL + "/"}), "issuer that is known here"},
		"no issuer":             {sign(map[string]any{"iss": nil}), "issuer that is known here"},
		"no subject":            {sign(map[string]any{"sub": nil}), "subject"},
		"a long subject":        {sign(map[string]any{"sub": strings.Repeat("s", 256)}), "subject"},
		"a subject of two":      {sign(map[string]any{"sub": "alice\nbob"}), "subject"},
		"no rule":               {sign(map[string]any{"groups": []string{"staff"}}), "no rule matches"},
		"no such claim":         {sign(map[string]any{"groups": nil}), "no rule matches"},
		"a logout token":        {typed("logout+jwt"), "typ"},
		"a typ that is no text": {i.Sign(t, map[string]any{"typ": 7}, o.claims(nil)), "typ"},
		"too long":              {sign(map[string]any{"more": strings.Repeat("x", MaxTokenSize)}), "too long"},
		"not a JWT":             {"a.b.c", "not a JWT"},
		"an empty one":          {"..", "not a JWT"},
	} {
		t.Run(title, func(t *testing.T) { o.refuses(t, c.text, c.reason) })
	}
}

// refuses checks the answer, which is the same for all, and the log.
func (o *office) refuses(t *testing.T, text, reason string) {
	t.Helper()
	o.log.Reset()
	a, err := o.ask(t, text)
	if err == nil {
		t.Fatalf("it is let in as %+v", a)
	}
	if code(t, err) != management.CodeUnauthorized || err.Error() != "token: not valid" {
		t.Errorf("answered %v", err)
	}
	if !strings.Contains(o.log.String(), reason) {
		t.Errorf("the log says %s, want %q", o.log, reason)
	}
	if len(text) > 20 && strings.Contains(o.log.String(), text[len(text)-20:]) {
		t.Error("the log holds the token")
	}
}

// TestASignatureThatIsNotTheIssuersIsRefused: forged, altered, or of an
// algorithm that makes the public key a secret.
func TestASignatureThatIsNotTheIssuersIsRefused(t *testing.T) {
	i := issuer.New(t, time.Now())
	o := open(t, i, func(c *Issuer) { c.Algorithms = algorithms() })
	claims := o.claims(nil)
	good := i.Sign(t, nil, claims)
	if _, err := o.ask(t, good); err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(good, ".")
	public, err := x509.MarshalPKIXPublicKey(i.Public())
	if err != nil {
		t.Fatal(err)
	}
	asPEM := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})
	theirs, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	encoded := func(v any) string {
		raw, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return base64.RawURLEncoding.EncodeToString(raw)
	}
	with := func(algorithm jose.SignatureAlgorithm, key any, id string, header map[string]any) string {
		return issuer.Sign(t, jose.SigningKey{Algorithm: algorithm, Key: jose.JSONWebKey{Key: key, KeyID: id}}, header, claims)
	}
	claims["sub"] = "mallory"
	for title, text := range map[string]string{
		"none":                            encoded(map[string]any{"alg": "none", "kid": i.KeyID()}) + "." + encoded(claims) + ".",
		"None":                            encoded(map[string]any{"alg": "None"}) + "." + encoded(claims) + ".",
		"no algorithm":                    encoded(map[string]any{"kid": i.KeyID()}) + "." + encoded(claims) + "." + parts[2],
		"HS256 with the public key (DER)": with(jose.HS256, public, i.KeyID(), nil),
		"HS256 with the public key (PEM)": with(jose.HS256, asPEM, i.KeyID(), nil),
		"another key under our id":        with(jose.RS256, theirs, i.KeyID(), nil),
		"another kind of key":             with(jose.ES256, curve, i.KeyID(), nil),
		"another key without an id":       with(jose.RS256, theirs, "", nil),
		"other claims":                    parts[0] + "." + encoded(claims) + "." + parts[2],
		"no signature":                    parts[0] + "." + parts[1] + ".",
		"a signature of another": parts[0] + "." + parts[1] + "." + strings.Split(
			i.Sign(t, nil, o.claims(map[string]any{"sub": "bob"})), ".")[2],
		"a key in the header": issuer.Sign(t, jose.SigningKey{Algorithm: jose.RS256, Key: theirs},
			map[string]any{"jwk": jose.JSONWebKey{Key: &theirs.PublicKey, KeyID: i.KeyID()}, "kid": i.KeyID()}, claims),
		"keys elsewhere":        with(jose.RS256, theirs, i.KeyID(), map[string]any{"jku": "https://evil.example/keys"}),
		"a critical header":     i.Sign(t, map[string]any{"crit": []string{"x"}, "x": 1}, o.claims(nil)),
		"the encrypted form":    parts[0] + "." + parts[1] + "." + parts[2] + ".x.y",
		"a header of two words": encoded([]string{"RS256"}) + "." + parts[1] + "." + parts[2],
	} {
		t.Run(title, func(t *testing.T) {
			if a, err := o.ask(t, text); err == nil || code(t, err) != management.CodeUnauthorized {
				t.Errorf("got %+v, %v", a, err)
			}
		})
	}
	if strings.Contains(o.log.String(), "mallory") {
		t.Error("a claim that nobody signed is in the log")
	}
	if n := i.Asked("/keys"); n > 2 {
		t.Errorf("the forgeries had the issuer asked %d times", n)
	}
}

func TestAnAlgorithmThatIsNotAllowedIsRefusedWhoeverSigned(t *testing.T) {
	i := issuer.New(t, time.Now()) // signs with ES256
	o := open(t, i, func(c *Issuer) { c.Algorithms = []string{"RS256", "PS256"} })
	o.refuses(t, i.Token(t, operators()), "algorithm")
}

func TestTheLeewayIsForClocksAndNoMore(t *testing.T) {
	i := issuer.New(t, time.Now())
	o := open(t, i, func(c *Issuer) { c.Leeway = 30 * time.Second })
	now := o.now().Unix()
	for title, c := range map[string]struct {
		changes map[string]any
		ok      bool
	}{
		"just expired":          {map[string]any{"exp": now - 20}, true},
		"expired":               {map[string]any{"exp": now - 31}, false},
		"a moment too early":    {map[string]any{"nbf": now + 20, "iat": now + 20}, true},
		"too early":             {map[string]any{"nbf": now + 45}, false},
		"made too far in front": {map[string]any{"iat": now + 45}, false},
	} {
		if _, err := o.ask(t, i.Sign(t, nil, o.claims(c.changes))); (err == nil) != c.ok {
			t.Errorf("%s: %v", title, err)
		}
	}
}

// TestARotatedKeyIsFoundAtOnceAndTheOldOneForgotten.
func TestARotatedKeyIsFoundAtOnceAndTheOldOneForgotten(t *testing.T) {
	i := issuer.New(t, time.Now())
	o := open(t, i, nil)
	old := i.Token(t, operators())
	if _, err := o.ask(t, old); err != nil {
		t.Fatal(err)
	}
	i.Rotate(t)
	o.advance(pause)
	fresh := i.Token(t, operators())
	if _, err := o.ask(t, fresh); err != nil {
		t.Fatalf("signed with the new key: %v\n%s", err, o.log)
	}
	o.refuses(t, old, "does not have")
	if n := i.Asked("/keys"); n != 2 {
		t.Errorf("the keys were read %d times, want 2", n)
	}
}

// TestUnknownKeysDoNotBecomeAFloodOfQuestions to the issuer, one by one or all
// at once.
func TestUnknownKeysDoNotBecomeAFloodOfQuestions(t *testing.T) {
	i := issuer.New(t, time.Now())
	o := open(t, i, nil)
	theirs, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	texts := make([]string, 50)
	for n := range texts {
		texts[n] = issuer.Sign(t, jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: theirs, KeyID: rand.Text()}}, nil, o.claims(nil))
	}
	good := i.Token(t, operators())
	var all sync.WaitGroup
	for _, text := range texts {
		all.Go(func() {
			if _, err := o.TokenAuthenticate(t.Context(), []byte(text)); err == nil {
				t.Error("a forgery is let in")
			}
		})
	}
	all.Wait()
	for _, text := range texts {
		if _, err := o.ask(t, text); code(t, err) != management.CodeUnauthorized {
			t.Error(err)
		}
	}
	if n := i.Asked("/keys"); n != 1 {
		t.Errorf("100 forgeries had the issuer asked %d times, want 1", n)
	}
	if _, err := o.ask(t, good); err != nil {
		t.Errorf("the right one: %v", err)
	}
}

// TestAnIssuerThatGoesAwayAndComesBack: its tokens go on while its keys are
// known, then nobody can say; when it is back, so are they.
func TestAnIssuerThatGoesAwayAndComesBack(t *testing.T) {
	i := issuer.New(t, time.Now())
	o := open(t, i, nil)
	mine := func() string { return i.Sign(t, nil, o.claims(nil)) } // by our clock, which goes ahead
	i.Stop()
	if _, err := o.ask(t, mine()); code(t, err) != management.CodeIdentityProvider || !strings.Contains(err.Error(), "test cannot be reached") {
		t.Fatalf("before the keys were ever read: %v", err)
	}
	if note := o.Note(); !strings.Contains(note, "test: its tokens cannot be checked: ") || !strings.Contains(note, "refused") {
		t.Errorf("note %q", note)
	}
	if _, err := o.ask(t, "crdadm_right"); err != nil {
		t.Errorf("an admin token: %v", err)
	}
	i.Start(t)
	if _, err := o.ask(t, mine()); code(t, err) != management.CodeIdentityProvider {
		t.Errorf("within the pause: %v", err)
	}
	o.advance(pause)
	if _, err := o.ask(t, mine()); err != nil || o.Note() != "" {
		t.Fatalf("when it is back: %v, note %q", err, o.Note())
	}

	i.Stop()
	o.advance(refreshEvery)
	ask(t, o.keysOf("test"))
	if note := o.Note(); !strings.Contains(note, "goes on with the signing keys at hand") {
		t.Errorf("note %q", note)
	}
	if _, err := o.ask(t, mine()); err != nil {
		t.Errorf("with the keys at hand: %v", err)
	}
	i.Rotate(t)
	if _, err := o.ask(t, mine()); code(t, err) != management.CodeIdentityProvider {
		t.Errorf("with a key that may be new: %v", err)
	}
	o.advance(keptFor)
	if _, err := o.ask(t, mine()); code(t, err) != management.CodeIdentityProvider {
		t.Errorf("with keys that are too old: %v", err)
	}
	i.Start(t)
	o.advance(pause)
	if _, err := o.ask(t, mine()); err != nil || o.Note() != "" {
		t.Errorf("when it is back: %v, note %q", err, o.Note())
	}
}

func (o *office) keysOf(name string) *keys {
	for _, p := range o.providers {
		if p.Name == name {
			return p.keys
		}
	}
	return nil
}

func ask(t *testing.T, k *keys) {
	t.Helper()
	if err := k.refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestTokensAreKeptOutOfLogsAndErrors(t *testing.T) {
	i := issuer.New(t, time.Now())
	o := open(t, i, nil)
	text := i.Token(t, operators())
	if _, err := o.ask(t, text); err != nil {
		t.Fatal(err)
	}
	if _, err := o.ask(t, text+"x"); err == nil {
		t.Error("an altered token is let in")
	}
	if bytes.Contains(o.log.Bytes(), []byte(strings.Split(text, ".")[1])) {
		t.Error("the log holds the claims of a token")
	}
}
