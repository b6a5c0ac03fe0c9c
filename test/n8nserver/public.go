package n8nserver

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // RFC 6238 as n8n has it
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// public is the interface that keys are for.
func (f *Fake) public(w http.ResponseWriter, r *http.Request) {
	header, discover := r.Header.Get("X-N8N-API-KEY"), r.URL.Path == "/api/v1/discover"
	session := f.session(w, r)
	f.mu.Lock()
	defer f.mu.Unlock()
	isOld := f.version.Before(2, 0)
	switch {
	case discover && f.version.Before(2, 16), !discover && r.URL.Path != "/api/v1/workflows":
		say(w, 404, object{"message": "not found"})
		return
	case r.Method != http.MethodGet:
		say(w, 405, object{"message": r.Method + " method not allowed"})
		return
	}
	scopes := OwnerScopes()
	// Trap: beside a key that n8n did not make, the new version takes the session.
	if isOld || !session || issuer(header) == "n8n" {
		if header == "" {
			if discover || isOld {
				say(w, 401, object{"message": "'X-N8N-API-KEY' header required"})
			} else {
				say(w, 401, object{"message": "Unauthorized"})
			}
			return
		}
		i := slices.IndexFunc(f.keys, func(k *fakeKey) bool { return k.secret == header })
		if i < 0 && !isOld && !discover && !f.off {
			say(w, 401, object{"message": "Unauthorized"})
			return
		}
		if i < 0 || f.off || f.keys[i].expires != nil && *f.keys[i].expires <= f.now().Unix() {
			say(w, 401, object{"message": "unauthorized"})
			return
		}
		scopes = f.keys[i].scopes
	}
	if discover {
		say(w, 200, object{"data": object{"scopes": scopes, "resources": object{}, "filters": object{}, "specUrl": "/api/v1/openapi.yml"}})
		return
	}
	// The old version keeps scopes, and does not hold keys to them.
	if !isOld && !slices.Contains(scopes, "workflow:list") {
		say(w, 403, object{"message": "Forbidden"})
		return
	}
	say(w, 200, object{"data": []object{}, "nextCursor": nil})
}

// issuer is who a JWT says has made it; "" of all other texts.
func issuer(text string) string {
	parts := strings.Split(text, ".")
	if len(parts) != 3 {
		return ""
	}
	var claims struct {
		Issuer string `json:"iss"`
	}
	plain, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil || json.Unmarshal(plain, &claims) != nil {
		return ""
	}
	return claims.Issuer
}

// jwt signs claims, in a fixed order.
func jwt(claims object) string {
	payload, err := json.Marshal(claims)
	if err != nil {
		panic(err)
	}
	text := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"HS256","typ":"JWT"}`)) + "." + base64.RawURLEncoding.EncodeToString(payload)
	mac := hmac.New(sha256.New, []byte("a fake's secret"))
	mac.Write([]byte(text))
	return text + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// code is that of the second factor now.
func (f *Fake) code() string { return Code(f.totp, f.now()) }

// Code is the code of a second factor at an instant.
func Code(secret string, at time.Time) string {
	key, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(secret)
	if err != nil {
		panic(err)
	}
	mac := hmac.New(sha1.New, key)
	_ = binary.Write(mac, binary.BigEndian, uint64(at.Unix())/30)
	sum := mac.Sum(nil)
	from := sum[len(sum)-1] & 0xf
	return fmt.Sprintf("%06d", binary.BigEndian.Uint32(sum[from:from+4])&0x7fffffff%1_000_000)
}
