package oidc

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	gooidc "github.com/coreos/go-oidc/v3/oidc"
	jose "github.com/go-jose/go-jose/v4"
)

const (
	// MaxTokenSize is the longest JWT that is looked at, in bytes. It fits the
	// headers that the API reads.
	MaxTokenSize = 12 << 10
	// maxSubject bounds the claim sub (OpenID Connect Core, section 2).
	maxSubject = 255
)

// verified is a token that is what it says.
type verified struct {
	subject string
	end     time.Time
	claims  map[string]any
}

// claimedIssuer reads the claim iss without believing it: it only says whose
// keys to try.
func claimedIssuer(text string) (string, bool) {
	parts := strings.Split(text, ".")
	if len(parts) != 3 || len(text) > MaxTokenSize {
		return "", false
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return "", false
	}
	var claims struct {
		Issuer string `json:"iss"`
	}
	return claims.Issuer, json.Unmarshal(payload, &claims) == nil
}

// verify judges a token of the issuer. An error that is [errNoKeys] or the end
// of ctx decides nothing; every other one refuses the token.
func (p *provider) verify(ctx context.Context, text string, now time.Time) (verified, error) {
	allowed := make([]jose.SignatureAlgorithm, 0, len(p.Algorithms))
	for _, a := range p.Algorithms {
		allowed = append(allowed, jose.SignatureAlgorithm(a))
	}
	parsed, err := jose.ParseSignedCompact(text, allowed)
	if err != nil || len(parsed.Signatures) != 1 {
		return verified{}, errors.New("not a JWT, or its algorithm is none of those allowed")
	}
	header := parsed.Signatures[0].Header
	if !ordinary(header.ExtraHeaders[jose.HeaderType]) {
		return verified{}, errors.New("its header typ says that it is no access or ID token")
	}
	token, err := p.signed(ctx, text, header.KeyID)
	if err != nil {
		return verified{}, err
	}
	var claims map[string]any
	if err := token.Claims(&claims); err != nil {
		return verified{}, errors.New("its claims are no JSON object")
	}
	v := verified{token.Subject, token.Expiry, claims}
	return v, p.inOrder(token, claims, now)
}

// ordinary reports whether the header typ is that of a token for access; a
// logout token, for one, is signed by the same keys for the same audience.
func ordinary(typ any) bool {
	text, ok := typ.(string)
	text = strings.TrimPrefix(strings.ToLower(text), "application/")
	return typ == nil || ok && (text == "jwt" || text == "at+jwt")
}

// signed answers the token when one of the issuer's keys has signed it. A token
// that names no key may be signed by one that is newer than those at hand.
func (p *provider) signed(ctx context.Context, text, id string) (*gooidc.IDToken, error) {
	found, err := p.keys.find(ctx, id, false)
	if err != nil {
		return nil, err
	}
	token, err := p.signedBy(ctx, text, found)
	if err == nil || id != "" {
		return token, err
	}
	if found, err = p.keys.find(ctx, id, true); err != nil {
		return nil, err
	}
	return p.signedBy(ctx, text, found)
}

func (p *provider) signedBy(ctx context.Context, text string, keys []jose.JSONWebKey) (*gooidc.IDToken, error) {
	// The audience is one of several, and the times have a leeway of ours: both
	// are judged in inOrder.
	return gooidc.NewVerifier(p.URL, keySet(keys), &gooidc.Config{
		SupportedSigningAlgs: p.Algorithms, SkipClientIDCheck: true, SkipExpiryCheck: true,
	}).Verify(ctx, text)
}

// keySet are keys at hand.
type keySet []jose.JSONWebKey

// VerifySignature answers the payload. The algorithm was judged before, and a
// key that says which it is for is used for no other.
func (s keySet) VerifySignature(_ context.Context, text string) ([]byte, error) {
	for _, key := range s {
		only := []jose.SignatureAlgorithm{jose.SignatureAlgorithm(key.Algorithm)}
		if key.Algorithm == "" {
			only = all()
		}
		parsed, err := jose.ParseSignedCompact(text, only)
		if err != nil {
			continue
		}
		if payload, err := parsed.Verify(&key); err == nil {
			return payload, nil
		}
	}
	return nil, errors.New("the signature is not the issuer's")
}

func all() []jose.SignatureAlgorithm {
	out := make([]jose.SignatureAlgorithm, 0, len(algorithms()))
	for _, a := range algorithms() {
		out = append(out, jose.SignatureAlgorithm(a))
	}
	return out
}

// inOrder judges audience, times and subject of a token whose signature and
// issuer are right.
func (p *provider) inOrder(token *gooidc.IDToken, claims map[string]any, now time.Time) error {
	if !slices.ContainsFunc(p.Audiences, func(a string) bool { return slices.Contains(token.Audience, a) }) {
		return errors.New("its audience is another")
	}
	if err := p.inTime(claims, now); err != nil {
		return err
	}
	if token.Subject == "" || len(token.Subject) > maxSubject || strings.ContainsFunc(token.Subject, func(r rune) bool {
		return !unicode.IsGraphic(r) || unicode.IsSpace(r)
	}) {
		return errors.New("its subject is missing, longer than 255 bytes, or holds what cannot be shown")
	}
	return nil
}

// inTime judges exp, without which a token would never end, nbf and iat.
func (p *provider) inTime(claims map[string]any, now time.Time) error {
	for _, name := range []string{"exp", "nbf", "iat"} {
		claim, given := claims[name]
		if !given && name != "exp" {
			continue
		}
		// A number that no clock shows would become any instant.
		seconds, ok := claim.(float64)
		if !ok || seconds < 0 || seconds > 1<<40 {
			return fmt.Errorf("its claim %s is missing or no time", name)
		}
		at := time.Unix(int64(seconds), 0)
		if name == "exp" && !now.Before(at.Add(p.Leeway)) {
			return errors.New("it has expired")
		}
		if name != "exp" && now.Add(p.Leeway).Before(at) {
			return fmt.Errorf("it is not valid yet (%s): is the clock of the issuer, or of this machine, off", name)
		}
	}
	return nil
}
