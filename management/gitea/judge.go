package gitea

import (
	"net/http"
	"strings"

	"credence/management/remote"
)

// row is one line of the table of refusals: the first that fits counts. Gitea
// gives no codes, so the text decides among those of one status.
type row struct {
	status int
	says   string // part of the message
	kind   remote.Kind
}

func refusals() []row {
	return []row{
		{http.StatusUnauthorized, "token is required", remote.UnexpectedAnswer}, // our header did not arrive
		{http.StatusUnauthorized, "", remote.CredentialRejected},
		{http.StatusForbidden, "prohibited from signing in", remote.AccountBlocked},
		{http.StatusForbidden, "must change your password", remote.AccountBlocked},
		{http.StatusForbidden, "not activated", remote.AccountBlocked},
		{http.StatusForbidden, "", remote.Forbidden},
		{http.StatusBadRequest, "has been used already", remote.NameConflict},
		{http.StatusBadRequest, "invalid access token scope", remote.ScopeInvalid},
		{http.StatusBadRequest, "must have a scope", remote.ScopeInvalid},
		{http.StatusBadRequest, "", remote.RequestInvalid},
		{http.StatusUnprocessableEntity, "", remote.RequestInvalid},
		{http.StatusMethodNotAllowed, "", remote.EndpointMissing},
	}
}

// judge is nil for a success, else the error that the answer is. Only JSON is
// Gitea's own word: other answers are those of a proxy, of a server that starts,
// or of another program.
func judge(t *remote.Target, a *remote.Answer, method string) error {
	if a.OK() {
		return nil
	}
	e, own := refusal(t, a)
	// Whoever else answers may have passed the call on before.
	e.Uncertain = method == http.MethodPost && !own
	return e
}

// refusal is the error that an answer is, and whether it is Gitea's own word
// that it did nothing.
func refusal(t *remote.Target, a *remote.Answer) (e *remote.Error, own bool) {
	switch {
	case a.Status == http.StatusTooManyRequests:
		return t.Fail(remote.RateLimited, a.Status, a.Words()), false // Gitea has no such limit
	case a.Status >= http.StatusInternalServerError:
		return t.Fail(remote.Unavailable, a.Status, message(a)), false
	case a.Form != remote.JSON && (a.Status == http.StatusNotFound || a.Status == http.StatusMethodNotAllowed):
		return t.Fail(remote.EndpointMissing, a.Status, a.Words()), false
	case a.Form != remote.JSON:
		return t.Fail(remote.UnexpectedAnswer, a.Status, "something else than Gitea answers: "+a.Words()), false
	}
	said := message(a)
	if a.Status == http.StatusNotFound {
		if isAbsent(said) {
			return t.Fail(remote.NotFound, a.Status, said), true
		}
		return t.Fail(remote.EndpointMissing, a.Status, "something else than Gitea answers: "+said), false
	}
	for _, r := range refusals() {
		if r.status == a.Status && strings.Contains(said, r.says) {
			return t.Fail(r.kind, a.Status, hinted(a.Status, said)), a.Field("message") != ""
		}
	}
	return t.Fail(remote.UnexpectedAnswer, a.Status, said), false
}

// isAbsent reports whether that is how Gitea says that there is no such user or
// token: nothing else with this status is, whatever its form. The words are
// those of 1.27, 1.26 and the versions before.
func isAbsent(said string) bool {
	switch said {
	case "access token not found", "not found", "The target couldn't be found.":
		return true
	}
	return strings.HasPrefix(said, "user redirect does not exist")
}

func message(a *remote.Answer) string {
	if said := a.Field("message"); said != "" {
		return said
	}
	return a.Words()
}

// hinted adds what a message does not tell.
func hinted(status int, said string) string {
	switch {
	case strings.Contains(said, "token is required"):
		return said + " (the Authorization header did not arrive: a proxy removes it)"
	case strings.Contains(said, "invalid username, password or token"):
		return said + " (so it is, too, when the account has a second factor: use an access token of it)"
	case status == http.StatusForbidden && strings.Contains(said, "doer should be"):
		return said + " (the account is no site administrator, or the Authorization header did not arrive)"
	}
	return said
}
