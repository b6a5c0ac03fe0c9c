package forward

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"credence/extauthz"
)

// unavailable is the answer where there is no decision. It is a denial to
// every proxy, and says nothing about keys.
const unavailable = `{"type":"about:blank","title":"Service Unavailable","status":503,` +
	`"detail":"The request could not be checked, try again.","code":"unavailable"}`

// statusHeader tells nginx, which understands 401 and 403 only, the status
// that was meant.
const statusHeader = "X-Credence-Status"

// write carries the answer out and tells the status that was sent.
func write(w http.ResponseWriter, p *profile, a *extauthz.Answer) int {
	header := w.Header()
	if a.Allowed {
		allow(header, p, a)
		w.WriteHeader(http.StatusOK)
		return http.StatusOK
	}
	for _, h := range a.Headers {
		header.Add(h.Name, h.Value)
	}
	if len(a.Body) > 0 && header.Get("Content-Type") == "" {
		header.Set("Content-Type", "text/plain") // as Envoy does, and nobody guesses
	}
	status := a.Status
	if p.forbids && status < http.StatusInternalServerError && status != http.StatusUnauthorized {
		header.Set(statusHeader, strconv.Itoa(status))
		status = http.StatusForbidden
	}
	send(w, status, a.Body)
	return status
}

// allow names every header that the upstream must not see as the client sent
// it, so that a proxy which copies them from here overwrites what was forged,
// with nothing where there is nothing to say.
func allow(header http.Header, p *profile, a *extauthz.Answer) {
	header.Set("Cache-Control", "no-store")
	for _, h := range a.Respond {
		header.Add(h.Name, h.Value)
	}
	for _, h := range a.Set {
		header.Set(h.Name, h.Value)
	}
	for _, name := range a.Remove {
		// Another spelling is taken away, not emptied. A profile that cannot
		// take away has refused other spellings: this is the credential's own.
		if p.removes && strings.ContainsAny(name, "_.") {
			continue
		}
		if !slices.ContainsFunc(a.Set, func(h extauthz.Header) bool { return h.Name == name }) {
			header.Set(name, "")
		}
	}
	if p.removes && len(a.Remove) > 0 {
		header.Set("X-Envoy-Auth-Headers-To-Remove", strings.Join(a.Remove, ","))
	}
}

// deny answers where there is no decision.
func deny(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.Header().Set("Retry-After", "1")
	send(w, http.StatusServiceUnavailable, []byte(unavailable))
}

func send(w http.ResponseWriter, status int, body []byte) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body) // a proxy that is gone; to a HEAD it is not sent
}
