package n8nserver

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

const ownerID = "c8150ce5-7d0e-4b0f-9d7d-0d6a4f5b9c11"

// mostLogins in a minute: of one e-mail, or before 2.x of one address.
const mostLogins = 5

func (f *Fake) login(w http.ResponseWriter, r *http.Request) {
	var in map[string]json.RawMessage
	if json.NewDecoder(r.Body).Decode(&in) != nil {
		page(w, http.StatusInternalServerError, "Internal Server Error")
		return
	}
	text := func(field string) string {
		var s string
		_ = json.Unmarshal(in[field], &s)
		return s
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.tooMany(w) {
		return
	}
	email := text("emailOrLdapLoginId")
	switch {
	case in["emailOrLdapLoginId"] == nil:
		say(w, 400, issue("invalid_type", "emailOrLdapLoginId", "Required"))
	case !strings.Contains(email, "@"):
		say(w, 400, object{"code": 400, "message": "Invalid email address"})
	case email != Email || text("password") != f.password:
		say(w, 401, object{"code": 401, "message": "Wrong username or password. Do you have caps lock on?"})
	case f.totp != "" && text("mfaCode") == "":
		say(w, 401, object{"code": 998, "message": "MFA Error"})
	case f.totp != "" && text("mfaCode") != f.code():
		say(w, 401, object{"code": 401, "message": "Invalid mfa token or recovery code"})
	default:
		f.begin(w, r.Header.Get("browser-id"))
		say(w, 200, object{"data": f.user()})
	}
}

// tooMany counts a login, successful or not.
func (f *Fake) tooMany(w http.ResponseWriter) bool {
	now := f.now()
	f.logins = slices.DeleteFunc(f.logins, func(at time.Time) bool { return now.Sub(at) >= time.Minute })
	if len(f.logins) < mostLogins {
		f.logins = append(f.logins, now)
		return false
	}
	w.Header().Set("Retry-After", strconv.Itoa(int(time.Minute.Seconds()-now.Sub(f.logins[0]).Seconds())))
	if f.version.Before(2, 7) {
		say(w, 429, object{"message": "Too many requests"})
	} else {
		page(w, 429, "Too many requests, please try again later.")
	}
	return true
}

func (f *Fake) begin(w http.ResponseWriter, browser string) {
	f.made++
	cookie := fmt.Sprintf("eyJhbGciOiJIUzI1NiJ9.session%d.x", f.made)
	f.sessions[cookie] = &fakeSession{browser: browser}
	http.SetCookie(w, &http.Cookie{Name: "n8n-auth", Value: cookie, MaxAge: 604800, Path: "/", HttpOnly: true, Secure: true, SameSite: http.SameSiteLaxMode})
}

// session answers the session of a call, and renews it near its end.
func (f *Fake) session(w http.ResponseWriter, r *http.Request) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	c, err := r.Cookie("n8n-auth")
	if err != nil {
		return false
	}
	s := f.sessions[c.Value]
	if s == nil || s.browser != "" && s.browser != r.Header.Get("browser-id") {
		return false
	}
	if s.old {
		f.begin(w, s.browser)
	}
	return true
}

// signed wants a session. One that is none is cleared.
func (f *Fake) signed(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !f.session(w, r) {
			http.SetCookie(w, &http.Cookie{Name: "n8n-auth", Path: "/", Expires: time.Unix(0, 0)}) //nolint:gosec // G124: as recorded
			say(w, 401, object{"status": "error", "message": "Unauthorized"})
			return
		}
		next(w, r)
	}
}

// keyed answers an empty 404 where API keys are switched off.
func (f *Fake) keyed(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		defer f.mu.Unlock()
		if f.off {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		next(w, r)
	}
}

func (f *Fake) user() object {
	return object{
		"id": ownerID, "email": Email, "firstName": "Own", "lastName": "Er", "role": "global:owner", "mfaEnabled": f.totp != "",
		"globalScopes": f.globalScopes(),
	}
}

func (f *Fake) whoami(w http.ResponseWriter, _ *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	say(w, 200, object{"data": f.user()})
}

// settings are reduced for whoever has no session.
func (f *Fake) settings(w http.ResponseWriter, r *http.Request, version string) {
	if !f.session(w, r) {
		say(w, 200, object{"data": object{"settingsMode": "public", "authCookie": object{"secure": true}}})
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	say(w, 200, object{"data": object{
		"versionCli": version, "publicApi": object{"enabled": !f.off, "path": "api"}, "mfa": object{"enabled": true, "enforced": false},
		"authCookie": object{"secure": true},
	}})
}

// issue is the answer of the check of the input.
func issue(code, field, message string) object {
	return object{"code": code, "path": []string{field}, "message": message}
}

func (f *Fake) scopes(w http.ResponseWriter, _ *http.Request) {
	say(w, 200, object{"data": OwnerScopes()})
}

// fakeKey is an API key.
type fakeKey struct {
	id, user, label, secret string
	scopes                  []string
	expires                 *int64
	made                    time.Time
}

func (k *fakeKey) wire(f *Fake) object {
	o := object{
		"id": k.id, "userId": k.user, "label": k.label, "scopes": k.scopes, "audience": "public-api",
		"apiKey": "******" + k.secret[len(k.secret)-4:], "expiresAt": k.expires,
		"createdAt": k.made.UTC().Format("2006-01-02T15:04:05.000Z"), "updatedAt": k.made.UTC().Format("2006-01-02T15:04:05.000Z"),
	}
	if !f.version.Before(2, 27) {
		o["lastUsedAt"] = nil
	}
	return o
}

// spec is the body of a create, as the check of the input leaves it.
type spec struct {
	label   string
	scopes  []string
	expires *int64
	decimal float64
}

// checked reads a body, or answers what is wrong with it.
func (f *Fake) checked(w http.ResponseWriter, r *http.Request, ends bool) (spec, bool) {
	var in map[string]json.RawMessage
	var s spec
	if json.NewDecoder(r.Body).Decode(&in) != nil {
		page(w, http.StatusInternalServerError, "Internal Server Error")
		return s, false
	}
	refuse := func(code, field, message string) (spec, bool) {
		say(w, 400, issue(code, field, message))
		return s, false
	}
	if json.Unmarshal(in["label"], &s.label) != nil {
		return refuse("invalid_type", "label", "Required")
	}
	switch {
	case s.label == "":
		return refuse("too_small", "label", "String must contain at least 1 character(s)")
	case len([]rune(s.label)) > 50:
		return refuse("too_big", "label", "String must contain at most 50 character(s)")
	case strings.ContainsAny(s.label, "<>"):
		return refuse("custom", "label", "Label can only contain letters, numbers, spaces and punctuation")
	}
	if ends {
		if at := string(in["expiresAt"]); at != "null" && json.Unmarshal(in["expiresAt"], &s.decimal) != nil {
			return refuse("invalid_type", "expiresAt", "Required")
		} else if at != "null" {
			whole := int64(s.decimal)
			s.expires = &whole
		}
		if s.expires != nil && *s.expires != 0 && float64(f.now().Unix()) > s.decimal {
			return refuse("custom", "expiresAt", "Expiration date must be in the future or null")
		}
	}
	if json.Unmarshal(in["scopes"], &s.scopes) != nil || in["scopes"] == nil {
		return refuse("invalid_type", "scopes", "Required")
	}
	if len(s.scopes) == 0 {
		return refuse("too_small", "scopes", "Array must contain at least 1 element(s)")
	}
	for _, scope := range s.scopes {
		if !strings.Contains(scope, ":") {
			return refuse("custom", "scopes", "Invalid scope")
		}
		if !slices.Contains(OwnerScopes(), scope) {
			say(w, 400, object{"code": 400, "message": "Invalid scopes for user role"})
			return s, false
		}
	}
	return s, true
}

func (f *Fake) create(w http.ResponseWriter, r *http.Request) {
	s, ok := f.checked(w, r, true)
	if !ok {
		return
	}
	if s.decimal != math.Trunc(s.decimal) {
		say(w, 500, object{"code": 0, "message": `"expiresIn" should be a number of seconds or string representing a timespan eg: "1d", "20h", 60`})
		return
	}
	var end int64
	if s.expires != nil {
		end = *s.expires
	}
	k := f.newKey(s.label, s.scopes, end)
	if slices.ContainsFunc(f.keys, func(other *fakeKey) bool {
		return other.user == ownerID && other.label == k.label || other.secret == k.secret
	}) {
		say(w, 500, object{"code": 0, "message": "There is already an entry with this name"})
		return
	}
	f.keys = append(f.keys, k)
	f.shown(w, k)
}

// shown is the one answer that has the secret.
func (f *Fake) shown(w http.ResponseWriter, k *fakeKey) {
	o := k.wire(f)
	o["rawApiKey"] = k.secret
	say(w, 200, object{"data": o})
}

func (f *Fake) newKey(label string, scopes []string, end int64) *fakeKey {
	f.made++
	k := &fakeKey{id: fmt.Sprintf("key%013d", f.made), user: ownerID, label: label, scopes: scopes, made: f.now()}
	if end != 0 {
		k.expires = &end
	}
	f.mint(k)
	return k
}

// mint gives a key a secret: a JWT, which before 2.7 has nothing in it that
// makes two of one second differ.
func (f *Fake) mint(k *fakeKey) {
	claims := object{"sub": k.user, "iss": "n8n", "aud": "public-api", "iat": f.now().Unix()}
	if k.expires != nil {
		claims["exp"] = *k.expires
	}
	if !f.version.Before(2, 7) {
		f.made++
		claims["jti"] = fmt.Sprintf("jti-%d", f.made)
	}
	k.secret = jwt(claims)
}

func (f *Fake) list(w http.ResponseWriter, r *http.Request) {
	mine, all := []object{}, []object{}
	for _, k := range slices.Backward(f.keys) { // newest first
		o := k.wire(f)
		if k.user == ownerID {
			mine = append(mine, o)
		}
		all = append(all, o)
	}
	if f.version.Before(2, 27) {
		say(w, 200, object{"data": mine})
		return
	}
	items := all
	q := r.URL.Query()
	if q.Get("ownership") == "mine" {
		items = mine
	}
	if label := strings.ToLower(q.Get("label")); label != "" {
		items = slices.DeleteFunc(slices.Clone(items), func(o object) bool {
			is, _ := o["label"].(string)
			return !strings.Contains(strings.ToLower(is), label)
		})
	}
	for _, o := range items {
		o["owner"] = object{"id": o["userId"], "firstName": "Own", "lastName": "Er", "email": Email}
	}
	number := func(name string, otherwise int) int {
		if n, err := strconv.Atoi(q.Get(name)); err == nil && n >= 0 {
			return n
		}
		return otherwise
	}
	skip, take := min(number("skip", 0), len(items)), min(number("take", 10), 250)
	counts := object{"mine": len(mine), "all": len(all)}
	say(w, 200, object{"data": object{
		"items": items[skip:min(skip+take, len(items))], "counts": counts, "totals": counts, "owners": []object{},
	}})
}

func (f *Fake) find(id string) *fakeKey {
	if i := slices.IndexFunc(f.keys, func(k *fakeKey) bool { return k.id == id }); i >= 0 {
		return f.keys[i]
	}
	return nil
}

func (f *Fake) drop(id string) {
	f.keys = slices.DeleteFunc(f.keys, func(k *fakeKey) bool { return k.id == id })
}

// update says that it did, also when there is no such key.
func (f *Fake) update(w http.ResponseWriter, r *http.Request) {
	s, ok := f.checked(w, r, false)
	if !ok {
		return
	}
	if k := f.find(r.PathValue("id")); k != nil {
		if slices.ContainsFunc(f.keys, func(other *fakeKey) bool { return other != k && other.user == k.user && other.label == s.label }) {
			say(w, 500, object{"code": 0, "message": "There is already an entry with this name"})
			return
		}
		k.label, k.scopes = s.label, s.scopes
	}
	say(w, 200, object{"data": object{"success": true}})
}

func (f *Fake) remove(w http.ResponseWriter, r *http.Request) {
	if f.find(r.PathValue("id")) == nil && !f.version.Before(2, 27) {
		say(w, 404, object{"code": 404, "message": "API key not found"})
		return
	}
	f.drop(r.PathValue("id"))
	say(w, 200, object{"data": object{"success": true}})
}

func (f *Fake) rotate(w http.ResponseWriter, r *http.Request) {
	k := f.find(r.PathValue("id"))
	switch {
	case k == nil || k.user != ownerID:
		say(w, 404, object{"code": 404, "message": "API key not found"})
	case k.expires != nil && *k.expires <= f.now().Unix():
		say(w, 400, object{"code": 400, "message": "Cannot rotate an expired API key"})
	default:
		f.mint(k)
		f.shown(w, k)
	}
}

// globalScopes are some of those that the owner has. Keys had none before 2.x.
func (f *Fake) globalScopes() []string {
	if f.version.Before(2, 0) {
		return []string{"user:list", "workflow:create"}
	}
	return []string{"apiKey:create", "apiKey:manage", "apiKey:update"}
}
