package n8nserver

import (
	"encoding/json"
	"net/http"
	"strconv"
	"testing"
)

// LoginContract tries the rows about logins, of which there are five in a
// minute; nobody logs in for a while afterwards.
func LoginContract(t *testing.T, on *Target) { //nolint:thelper // it is the test
	body := func(email, password string) string {
		raw, err := json.Marshal(map[string]string{"emailOrLdapLoginId": email, "password": password})
		if err != nil {
			t.Fatal(err)
		}
		return string(raw)
	}
	login := func(body string, header map[string]string) *reply {
		return on.do(t, call{method: "POST", path: "/rest/login", body: body, header: header, stranger: true})
	}
	rows := []row{
		{name: "wrong password", call: call{body: body(Email, "wrong-Horse-7")}, status: 401, media: isJSON, holds: []string{`"code":401`, "Wrong username or password"}},
		{name: "no e-mail address", call: call{body: body("owner", Password)}, status: 400, media: isJSON, holds: []string{"Invalid email address"}},
		{name: "a field is missing", call: call{body: `{"password":"x"}`}, status: 400, media: isJSON, holds: []string{`"path":["emailOrLdapLoginId"]`}},
	}
	for i := range rows {
		rows[i].call.method, rows[i].call.path, rows[i].call.stranger = "POST", "/rest/login", true
		t.Run(rows[i].name, func(t *testing.T) { rows[i].try(t, on) })
	}
	t.Run("a session is bound to the browser-id of its login", func(t *testing.T) {
		r := login(body(Email, Password), map[string]string{"browser-id": "5f0c"})
		cookie := cookieOf(r)
		if r.status != http.StatusOK || cookie == "" {
			t.Fatalf("login: %d %.200s", r.status, r.body)
		}
		for browser, want := range map[string]int{"5f0c": 200, "": 401, "other": 401} {
			c := call{method: "GET", path: "/rest/login", stranger: true, header: map[string]string{"Cookie": "n8n-auth=" + cookie}}
			if browser != "" {
				c.header["browser-id"] = browser
			}
			if r := on.do(t, c); r.status != want {
				t.Errorf("by %q: %d, want %d", browser, r.status, want)
			}
		}
	})
	t.Run("a sixth login in a minute is refused", func(t *testing.T) {
		for range 6 {
			r := login(body(Email, "wrong-Horse-7"), nil)
			if r.status != http.StatusTooManyRequests {
				continue
			}
			seconds, err := strconv.Atoi(r.header.Get("Retry-After"))
			if err != nil || seconds < 0 || seconds > 60 {
				t.Errorf("Retry-After: %q", r.header.Get("Retry-After"))
			}
			if isPage := r.media == isHTML; isPage == on.Version.Before(2, 7) {
				t.Errorf("as %s: %.200s", r.media, r.body)
			}
			return
		}
		t.Error("eight logins of one account were taken")
	})
}

func cookieOf(r *reply) string {
	for _, c := range (&http.Response{Header: r.header}).Cookies() {
		if c.Name == "n8n-auth" {
			return c.Value
		}
	}
	return ""
}
