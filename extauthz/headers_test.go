package extauthz

import (
	"slices"
	"strings"
	"testing"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"

	"credence/extauthz/pipeline"
)

func allowWith(t *testing.T, o AnswerOptions, key *pipeline.Key, sent ...string) *authv3.OkHttpResponse {
	t.Helper()
	m := getOrders()
	for _, name := range sent {
		m.GetAttributes().GetRequest().GetHttp().GetHeaders()[name] = "forged"
	}
	return answered(t, newTestAnswerer(t, o), m, func(d *pipeline.Decision) {
		d.Reason, d.Key = pipeline.ReasonAllowed, key
	}).GetOkResponse()
}

func setNames(ok *authv3.OkHttpResponse) map[string]string {
	names := map[string]string{}
	for _, o := range ok.GetHeaders() {
		names[o.GetHeader().GetKey()] = o.GetHeader().GetValue()
	}
	return names
}

// TestForgedIdentityNeverPasses: exact names are overwritten or removed,
// aliases that a CGI would read as the same name are removed, once each.
func TestForgedIdentityNeverPasses(t *testing.T) {
	aliases := []string{
		"x_credence_owner", "x.credence.owner", "x-credence_owner", "x_credence-key.id",
		"x_envoy_auth_partial_body", "x-envoy-auth-failure.mode-allowed",
	}
	others := []string{"x_credence_ownership", "x.credence", "x_other"}
	ok := allowWith(t, AnswerOptions{}, testKey(), slices.Concat(aliases, others, []string{"x-credence-owner"})...)
	if got := setNames(ok)["x-credence-owner"]; got != "team-orders" {
		t.Errorf("x-credence-owner: %q", got)
	}
	removed := ok.GetHeadersToRemove()
	for _, name := range slices.Concat(aliases, []string{"x-envoy-auth-failure-mode-allowed", "x-envoy-auth-partial-body"}) {
		if n := strings.Count("\n"+strings.Join(removed, "\n")+"\n", "\n"+name+"\n"); n != 1 {
			t.Errorf("%s: removed %d times", name, n)
		}
	}
	for _, name := range others {
		if slices.Contains(removed, name) {
			t.Errorf("%s is not ours and is removed", name)
		}
	}
}

// TestRepeatedAliasIsRemovedOnce: raw headers keep duplicates.
func TestRepeatedAliasIsRemovedOnce(t *testing.T) {
	forged := sub(1, str(1, "X_Credence_Owner"), str(3, "forged"))
	c := readBytes(httpCheck(sub(13, forged, forged)))
	b := newTestAnswerer(t, AnswerOptions{}).identity.append(nil, nil, c.request.Headers)
	if n := strings.Count(string(b), "x_credence_owner"); n != 1 {
		t.Errorf("removed %d times", n)
	}
}

// TestIdentityWithoutValueIsRemoved: no empty value is ever set.
func TestIdentityWithoutValueIsRemoved(t *testing.T) {
	for name, key := range map[string]*pipeline.Key{
		"anonymous":    nil,
		"empty fields": {KeyID: "key_01"},
		"blanks":       {KeyID: "key_01", Owner: "  ", Plan: " "},
		"too long":     {KeyID: "key_01", Owner: strings.Repeat("o", maxValue+1), Plan: strings.Repeat("ü", maxValue/6+1)},
		"one word":     {KeyID: "key_01", Scopes: strings.Repeat("s", maxValue+1)},
	} {
		t.Run(name, func(t *testing.T) {
			ok := allowWith(t, AnswerOptions{}, key)
			set, removed := setNames(ok), ok.GetHeadersToRemove()
			for _, header := range []string{"x-credence-namespace", "x-credence-owner", "x-credence-scopes", "x-credence-plan", "x-credence-type"} {
				if _, is := set[header]; is || !slices.Contains(removed, header) {
					t.Errorf("%s: set %v, removed %q", header, is, removed)
				}
			}
		})
	}
}

// TestLongScopeListsLoseWholeWords: "orders:readonly" must never arrive as
// "orders:read".
func TestLongScopeListsLoseWholeWords(t *testing.T) {
	word := "orders:readonly"
	key := &pipeline.Key{Scopes: strings.TrimSpace(strings.Repeat(word+" ", 40))}
	got := setNames(allowWith(t, AnswerOptions{}, key))["x-credence-scopes"]
	if len(got) > maxValue || len(got) < maxValue-len(word)-1 {
		t.Errorf("%d bytes", len(got))
	}
	for w := range strings.SplitSeq(got, " ") {
		if w != word {
			t.Errorf("cut to %q", w)
		}
	}
}

// TestValuesCannotSplitAHeader: what is not visible ASCII is percent-encoded.
func TestValuesCannotSplitAHeader(t *testing.T) {
	key := &pipeline.Key{Owner: "a\r\nx-admin: 1\x00", Plan: "100% ü"}
	set := setNames(allowWith(t, AnswerOptions{}, key))
	if set["x-credence-owner"] != "a%0D%0Ax-admin: 1%00" || set["x-credence-plan"] != "100%25 %C3%BC" {
		t.Errorf("got %q", set)
	}
}

// TestIdentityNamesAndSwitches: other names work, and a header that is off is
// never set but still removed.
func TestIdentityNamesAndSwitches(t *testing.T) {
	ok := allowWith(t, AnswerOptions{Identity: Identity{
		Owner: IdentityHeader{Name: "x-team"}, Scopes: IdentityHeader{Off: true},
	}}, testKey(), "x_team", "x-credence-owner")
	set, removed := setNames(ok), ok.GetHeadersToRemove()
	if set["x-team"] != "team-orders" || set["x-credence-scopes"] != "" {
		t.Errorf("set %q", set)
	}
	if !slices.Contains(removed, "x_team") || !slices.Contains(removed, "x-credence-scopes") || slices.Contains(removed, "x-credence-owner") {
		t.Errorf("removed %q", removed)
	}
}

// TestUnsafeHeaderNamesAreRefused at start, with the option, the name and what
// to do.
func TestUnsafeHeaderNamesAreRefused(t *testing.T) {
	for _, name := range []string{
		"X-Owner", "x_owner", "x.owner", "x owner", ":path", "host", "grpc-status", "x-envoy-owner", "content-length",
		"transfer-encoding", "te", "upgrade", "connection", "authorization", "x-forwarded-for", "x-request-id",
		"x-credence-plan", strings.Repeat("x", 65),
	} {
		_, err := newAnswerer(AnswerOptions{Identity: Identity{Owner: IdentityHeader{Name: name}, Plan: IdentityHeader{}}})
		if err == nil || !strings.Contains(err.Error(), "Answer.Identity.") || !strings.Contains(err.Error(), name) {
			t.Errorf("%q: %v", name, err)
		}
	}
	for option, o := range map[string]AnswerOptions{
		"Answer.Realm": {Realm: "a\r\nb"}, "Answer.KeyHeader": {KeyHeader: "X-Api-Key\n"},
		"Answer.KeyPlaces": {KeyPlaces: `in "x"`},
	} {
		if _, err := newAnswerer(o); err == nil || !strings.Contains(err.Error(), option) {
			t.Errorf("%s: %v", option, err)
		}
	}
}

// TestChallengeNamesWhatIsAccepted: Bearer with its error attributes, or a
// scheme of our own when keys come in a header only; the realm is escaped.
func TestChallengeNamesWhatIsAccepted(t *testing.T) {
	challengeOf := func(o AnswerOptions, r pipeline.Reason) string {
		for _, h := range answered(t, newTestAnswerer(t, o), getOrders(), typical(r)).GetDeniedResponse().GetHeaders() {
			if h.GetHeader().GetKey() == "www-authenticate" {
				return h.GetHeader().GetValue()
			}
		}
		return ""
	}
	bearer, header := AnswerOptions{Realm: `the "shop"`}, AnswerOptions{KeyHeader: "x-api-key"}
	for _, c := range []struct {
		o    AnswerOptions
		r    pipeline.Reason
		want string
	}{
		{bearer, pipeline.ReasonMissingKey, `Bearer realm="the \"shop\""`},
		{bearer, pipeline.ReasonRevoked, `Bearer realm="the \"shop\"", error="invalid_token"`},
		{bearer, pipeline.ReasonAmbiguousKey, `Bearer realm="the \"shop\"", error="invalid_request"`},
		{bearer, pipeline.ReasonScopeMissing, `Bearer realm="the \"shop\"", error="insufficient_scope", scope="orders:write"`},
		{bearer, pipeline.ReasonBlacklisted, ""},
		{header, pipeline.ReasonMissingKey, `ApiKey realm="credence", header="x-api-key"`},
		{header, pipeline.ReasonRevoked, `ApiKey realm="credence", header="x-api-key"`},
		{header, pipeline.ReasonScopeMissing, ""},
	} {
		if got := challengeOf(c.o, c.r); got != c.want {
			t.Errorf("%s: %s, want %s", c.r, got, c.want)
		}
	}
}
