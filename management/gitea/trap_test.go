package gitea_test

import (
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"credence/management/gitea"
	"credence/management/remote"
	"credence/store"
	"credence/store/credential"
	"credence/test/fakegitea"
)

// faked is a rig at a fake of the version, with a user alice.
func faked(t *testing.T, version string) *rig {
	t.Helper()
	s := fakegitea.New(t, version)
	s.AddUser(fakegitea.User{Login: "alice", Password: "x"})
	r := newRig(t, fakegitea.Place{URL: s.URL, Login: fakegitea.Admin, Password: fakegitea.Password, Fake: s})
	r.login = "alice"
	return r
}

// answering answers every call in the place of the server.
func answering(status int, contentType, body string) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, _ *http.Request) bool {
		w.Header()["Content-Type"] = []string{contentType}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
		return true
	}
}

const (
	page = "text/html; charset=utf-8"
	data = "application/json"
)

func TestAnAnswerThatIsNotGiteasOwnIsNotTakenForIts(t *testing.T) {
	for title, c := range map[string]struct {
		status        int
		contentType   string
		body          string
		want          remote.Kind
		makeUncertain bool
	}{
		"starting, or another base URL": {404, page, "<h1>Not found</h1>", remote.EndpointMissing, true},
		"plain 404":                     {404, "text/plain", "404 page not found", remote.EndpointMissing, true},
		"empty 404":                     {404, "", "", remote.EndpointMissing, true},
		"404 of another program":        {404, data, `{"message":"no Route matched with those values"}`, remote.EndpointMissing, true},
		"404 without a message":         {404, data, `{"error":"not found"}`, remote.EndpointMissing, true},
		"a wall that forbids":           {403, page, "blocked by policy", remote.UnexpectedAnswer, true},
		"a gate with its own login":     {401, page, "log in", remote.UnexpectedAnswer, true},
		"a page of success":             {200, page, "<html>", remote.UnexpectedAnswer, true},
		"another program":               {200, data, `["hello"]`, remote.UnexpectedAnswer, true},
		"no credentials arrived":        {403, data, `{"message":"doer should be the site admin or be same as the contextUser"}`, remote.Forbidden, false},
		"header removed":                {401, data, `{"message":"token is required"}`, remote.UnexpectedAnswer, false},
		"sudo":                          {403, data, `{"message":"Only administrators allowed to sudo."}`, remote.Forbidden, false},
		"second factor by key":          {401, data, `{"message":"basic authorization is not allowed while WebAuthn enrolled"}`, remote.CredentialRejected, false},
		"bearer where basic is needed":  {401, data, `{"message":"auth required"}`, remote.CredentialRejected, false},
		"broader scope":                 {403, data, `{"message":"cannot create an access token with a broader scope than the authenticating token"}`, remote.Forbidden, false},
		"prohibited":                    {403, data, `{"message":"This account is prohibited from signing in, please contact your site administrator."}`, remote.AccountBlocked, false},
		"must change":                   {403, data, `{"message":"You must change your password. Change it at: https://x/user/change_password"}`, remote.AccountBlocked, false},
		"not activated":                 {403, data, `{"message":"This account is not activated."}`, remote.AccountBlocked, false},
		"too many":                      {429, page, "slow down", remote.RateLimited, true},
		"internal":                      {500, data, `{"message":""}`, remote.Unavailable, true},
		"bad gateway":                   {502, page, "bad", remote.Unavailable, true},
		"teapot":                        {418, data, `{"message":"short and stout"}`, remote.UnexpectedAnswer, true},
	} {
		t.Run(title, func(t *testing.T) {
			r := faked(t, "1.26.0")
			r.Fake.Before(answering(c.status, c.contentType, c.body))
			_, err := r.Create(t.Context(), r.target, "alice", "n", []string{"read:user"})
			if e := kind(t, err, c.want); e.Uncertain != c.makeUncertain || strings.Contains(e.Error(), fakegitea.Password) {
				t.Errorf("uncertain %v: %v", e.Uncertain, e)
			}
			if calls := r.Fake.Calls(); len(calls) != 1 {
				t.Errorf("a token was asked for %d times", len(calls))
			}
			if c.status == 404 { // anything but the API's own 404 is not "gone"
				_ = kind(t, r.Delete(t.Context(), r.target, "alice", 1), remote.EndpointMissing)
			}
		})
	}
}

func TestALostAnswerSaysThatTheTokenMayExist(t *testing.T) {
	r := faked(t, "1.27.3")
	r.Fake.After(func(http.ResponseWriter, *http.Request) bool { return true })
	_, err := r.Create(t.Context(), r.target, "alice", "lost", []string{"read:user"})
	if e := kind(t, err, remote.Unavailable); !e.Uncertain {
		t.Error(e)
	}
	if made := r.Fake.Tokens("alice"); len(made) != 1 || made[0].Name != "lost" {
		t.Errorf("%+v", made)
	}
}

func TestARedirectedServerIsAnErrorOfTheConnection(t *testing.T) {
	r := faked(t, "1.26.0")
	r.Fake.Before(func(w http.ResponseWriter, q *http.Request) bool {
		http.Redirect(w, q, "https://git.example.com"+q.URL.Path, http.StatusMovedPermanently)
		return true
	})
	_, err := r.Create(t.Context(), r.target, "alice", "n", []string{"read:user"})
	if e := kind(t, err, remote.Redirected); !strings.Contains(e.Message, "https://git.example.com/api/v1/users/alice/tokens") {
		t.Error(e)
	}
}

func TestVerifyingHasFiveOutcomes(t *testing.T) {
	for title, c := range map[string]struct {
		status      int
		contentType string
		body        string
		want        remote.Outcome
	}{
		"scope lacks":    {403, data, `{"message":"token does not have at least one of required scope(s), required=[read:user], token scope=read:issue,write:repository"}`, remote.ValidLimited},
		"prohibited":     {403, data, `{"message":"This account is prohibited from signing in."}`, remote.Blocked},
		"must change":    {403, data, `{"message":"You must change your password."}`, remote.Blocked},
		"not activated":  {403, data, `{"message":"This account is not activated."}`, remote.Blocked},
		"another 403":    {403, data, `{"message":"no"}`, remote.Unknown},
		"wrong":          {401, data, `{"message":"invalid username, password or token"}`, remote.Invalid},
		"header removed": {401, data, `{"message":"token is required"}`, remote.Unknown},
		"a gate":         {401, page, "invalid username, password or token", remote.Unknown},
		"starting":       {404, page, "<h1>Not found</h1>", remote.Unknown},
		"404 of the API": {404, data, `{"message":"invalid access token"}`, remote.Unknown},
		"busy":           {429, page, "slow down", remote.Unknown},
		"broken":         {500, data, `{"message":""}`, remote.Unknown},
		"a page":         {200, page, "<html>", remote.Unknown},
		"nobody":         {200, data, `{}`, remote.Unknown},
		"redirected":     {302, page, "", remote.Unknown},
	} {
		for _, version := range []string{"1.26.0", "1.27.3"} {
			t.Run(title+" "+version, func(t *testing.T) {
				r := faked(t, version)
				made := r.make("t", "read:user")
				r.Fake.Before(func(w http.ResponseWriter, q *http.Request) bool {
					if strings.HasSuffix(q.URL.Path, "/token") && version == "1.26.0" {
						return false
					}
					return answering(c.status, c.contentType, c.body)(w, q)
				})
				v := r.Verify(t.Context(), r.target, gitea.Claim{Secret: made.Secret, TokenID: made.ID})
				if v.Outcome != c.want || v.Why == "" || strings.Contains(v.Why, made.Secret.Reveal()) {
					t.Errorf("%+v, want %s", v, c.want)
				}
				if c.want == remote.ValidLimited && !slices.Equal(v.Scopes, []string{"read:issue", "write:repository"}) {
					t.Errorf("scopes %v", v.Scopes)
				}
			})
		}
	}
}

func TestVerifyingSendsTheTokenAndNothingElse(t *testing.T) {
	r := faked(t, "1.27.3")
	made := r.make("t", "read:user")
	r.Fake.Before(func(_ http.ResponseWriter, q *http.Request) bool {
		if got := q.Header["Authorization"]; !slices.Equal(got, []string{"token " + made.Secret.Reveal()}) || q.Header.Get("Cookie") != "" || q.URL.RawQuery != "" {
			t.Errorf("%v %s", q.Header, q.URL)
		}
		return false
	})
	r.Verify(t.Context(), r.target, gitea.Claim{Secret: made.Secret})
}

func TestASecretOfAnotherTokenOrUserIsInvalid(t *testing.T) {
	for _, version := range []string{"1.26.0", "1.27.3"} {
		r := faked(t, version)
		made := r.make("t", "read:user")
		if v := r.Verify(t.Context(), r.target, gitea.Claim{Secret: made.Secret, TokenID: made.ID, UserID: 1}); v.Outcome != remote.Invalid {
			t.Errorf("%s: %+v", version, v)
		}
	}
	r := faked(t, "1.27.3")
	if v := r.Verify(t.Context(), r.target, gitea.Claim{Secret: r.make("t", "read:user").Secret, TokenID: 1}); v.Outcome != remote.Invalid {
		t.Errorf("%+v", v)
	}
}

func TestAnOldServerIsAskedForTheTokenOnce(t *testing.T) {
	r := faked(t, "1.26.0")
	made := r.make("t", "read:user")
	for range 3 {
		if v := r.Verify(t.Context(), r.target, gitea.Claim{Secret: made.Secret}); v.Outcome != remote.Valid {
			t.Errorf("%+v", v)
		}
	}
	asked := slices.DeleteFunc(r.Fake.Calls(), func(c string) bool { return c != "GET /api/v1/token" })
	if len(asked) != 1 {
		t.Errorf("asked %d times", len(asked))
	}
}

func TestATokenWhoseNameIsANumberTakesNoOtherWithIt(t *testing.T) {
	r := faked(t, "1.27.3")
	other := r.make("other", "read:user")
	named := r.make("0x65", "read:user") // 0x65 is the id of the first that a fake gives
	if err := r.Delete(t.Context(), r.target, "alice", named.ID); err != nil {
		t.Fatal(err)
	}
	if left := r.Fake.Tokens("alice"); len(left) != 1 || left[0].ID != other.ID {
		t.Errorf("%+v", left)
	}
}

func TestAnOrganisationIsNoPerson(t *testing.T) {
	r := faked(t, "1.26.0")
	r.Fake.AddUser(fakegitea.User{Login: "team", Org: true})
	if a, err := r.Find(t.Context(), r.target, "team"); err != nil || a.Person {
		t.Errorf("%+v, %v", a, err)
	}
	if a, err := r.Find(t.Context(), r.target, fakegitea.Admin); err != nil || !a.Person || !a.Admin {
		t.Errorf("%+v, %v", a, err)
	}
}

func TestALostPageOfAListIsAnErrorAndNoShorterList(t *testing.T) {
	r := faked(t, "1.26.0")
	for range 60 {
		r.Fake.AddToken("alice", "t", "read:user")
	}
	r.Fake.Before(func(w http.ResponseWriter, q *http.Request) bool {
		return q.URL.Query().Get("page") == "2" && answering(404, page, "starting")(w, q)
	})
	_, err := r.List(t.Context(), r.target, "alice")
	_ = kind(t, err, remote.EndpointMissing)
	r.Fake.Before(func(w http.ResponseWriter, q *http.Request) bool { // a page that never ends
		return answering(200, data, `[{"id": 1, "created_at": "1970-01-01T00:00:00Z"}]`)(w, q)
	})
	_, err = r.List(t.Context(), r.target, "alice")
	_ = kind(t, err, remote.UnexpectedAnswer)
}

func TestACheckSaysWhatIsMissing(t *testing.T) {
	for title, c := range map[string]struct {
		version string
		ready   func(*rig) *remote.Target
		want    []string
	}{
		"all is well":      {"1.27.3", func(r *rig) *remote.Target { return r.target }, nil},
		"an old version":   {"1.21.11", func(r *rig) *remote.Target { return r.target }, []string{"a supported version"}},
		"Forgejo":          {"11.0.1+gitea-1.22.0", func(r *rig) *remote.Target { return r.target }, nil},
		"no version":       {"unknown", func(r *rig) *remote.Target { return r.target }, []string{"a supported version"}},
		"no administrator": {"1.26.0", func(r *rig) *remote.Target { return as(r.Place, "alice", "x") }, []string{"site administration"}},
		"token without read:user": {"1.26.0", func(r *rig) *remote.Target {
			return as(r.Place, "root", r.Fake.AddToken("root", "c", "read:issue").Secret)
		}, []string{"scope read:user"}},
		"token that is too narrow": {"1.27.3", func(r *rig) *remote.Target {
			return as(r.Place, "root", r.Fake.AddToken("root", "c", "write:user").Secret)
		}, []string{"scope write:repository"}},
		"token that cannot make any": {"1.27.3", func(r *rig) *remote.Target {
			return as(r.Place, "root", r.Fake.AddToken("root", "c", "read:user", "write:repository").Secret)
		}, []string{"scope write:user"}},
	} {
		t.Run(title, func(t *testing.T) {
			r := faked(t, c.version)
			report, err := r.Check(t.Context(), c.ready(r))
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, m := range report.Missing {
				got = append(got, m.What)
				if m.Remedy == "" {
					t.Errorf("%s has no remedy", m.What)
				}
			}
			if !slices.Equal(got, c.want) || report.ServerVersion != c.version {
				t.Errorf("missing %v at %s, want %v", got, report.ServerVersion, c.want)
			}
		})
	}
	r := faked(t, "1.26.0")
	_, err := r.Check(t.Context(), as(r.Place, "root", "wrong"))
	_ = kind(t, err, remote.CredentialRejected)
	r.Fake.Before(answering(200, data, `{"status":"ok"}`))
	_, err = r.Check(t.Context(), r.target)
	_ = kind(t, err, remote.UnexpectedAnswer)
}

func TestScopesAreComparedAsSets(t *testing.T) {
	var writes []string
	for _, s := range gitea.Scopes() {
		if strings.HasPrefix(s, "write:") {
			writes = append(writes, s)
		}
	}
	for _, c := range []struct{ in, want []string }{
		{[]string{"read:user", "write:user", "read:user"}, []string{"write:user"}},
		{writes, []string{"all"}},
		{[]string{"all", "read:issue", "public-only"}, []string{"all", "public-only"}},
		{[]string{"write:issue", "read:admin"}, []string{"read:admin", "write:issue"}},
		{nil, nil},
	} {
		if got := gitea.Canonical(c.in); !slices.Equal(got, c.want) {
			t.Errorf("%v: %v, want %v", c.in, got, c.want)
		}
	}
	for _, c := range []struct {
		widest, scopes []string
		want           bool
	}{
		{[]string{"write:issue"}, []string{"read:issue", "write:issue", "public-only"}, true},
		{[]string{"read:issue"}, []string{"write:issue"}, false},
		{[]string{"all"}, []string{"write:user", "all"}, true},
		{writes, []string{"all"}, true},
		{[]string{"write:issue", "public-only"}, []string{"read:issue"}, false},
		{[]string{"write:issue"}, []string{gitea.ScopeUnknown}, false},
		{[]string{"all"}, []string{gitea.ScopeUnknown}, true},
		{[]string{"write:issue", "public-only"}, []string{"read:issue", "public-only"}, true},
		{nil, []string{"read:issue"}, false},
	} {
		if got := gitea.Within(c.widest, c.scopes); got != c.want {
			t.Errorf("%v within %v: %v", c.scopes, c.widest, got)
		}
	}
}

func TestLoginsOfAConnection(t *testing.T) {
	for login, want := range map[string]bool{"Alice": true, "ci-1": true, "ci-": true, "ci": false, "bob": false, "": false} {
		if got := gitea.Allows([]string{"alice", "CI-*"}, login); got != want {
			t.Errorf("%q: %v", login, got)
		}
	}
	if !gitea.Allows([]string{"*"}, "anybody") || gitea.Allows(nil, "anybody") {
		t.Error("* is everybody, none is nobody")
	}
}

func TestAConnectionIsExaminedBeforeItIsMade(t *testing.T) {
	var c *gitea.Client
	good := store.Connection{Account: "root", Logins: []string{"ci-*", "alice"}, Scopes: []string{"read:user", "write:user"}}
	if found := c.Examine(&good); found != nil || !slices.Equal(good.Scopes, []string{"write:user"}) || !slices.Equal(good.Logins, []string{"alice", "ci-*"}) {
		t.Errorf("%+v %+v", found, good)
	}
	bad := store.Connection{Account: "a:b", Logins: []string{"*x"}, Scopes: []string{"repo"}, Settings: map[string]string{"rest": "/x"}}
	var fields []string
	for _, p := range c.Examine(&bad) {
		fields = append(fields, p.Field)
	}
	if !slices.Equal(fields, []string{"account", "logins", "scopes", "settings"}) {
		t.Errorf("%v", fields)
	}
	if found := c.Examine(&store.Connection{}); len(found) != 3 {
		t.Errorf("%+v", found)
	}
}

func TestNoSecretIsShownByWhatIsMade(t *testing.T) {
	r := faked(t, "1.26.0")
	made := r.make("t", "read:user")
	if text := made.Secret.String(); strings.Contains(text, made.Secret.Reveal()) || credential.Redact(made.Secret.Reveal()) == made.Secret.Reveal() {
		t.Error(text)
	}
}

func TestWhatAServerStatesIsKeptWithinBounds(t *testing.T) {
	r := faked(t, "1.26.0")
	long := strings.Repeat("x", 100)
	r.Fake.Before(answering(201, data, `{"id":7,"name":"n","sha1":"0123456789abcdef","token_last_eight":"`+long+`","scopes":["read:user","`+long+`"]}`))
	made, err := r.Create(t.Context(), r.target, "alice", "n", []string{"read:user"})
	if err != nil || made.LastEight != "89abcdef" || !slices.Equal(made.Scopes, []string{"read:user", gitea.ScopeUnknown}) {
		t.Errorf("%+v, %v", made.Token, err)
	}
	r.Fake.Before(answering(200, data, "["+strings.Repeat(`{"id":1},`, 50)+`{"id":2}]`))
	_, err = r.List(t.Context(), r.target, "alice")
	_ = kind(t, err, remote.UnexpectedAnswer)
}
