package api_test

import (
	"context"
	"crypto/rand"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"credence/management/api"
	"credence/management/client"
	"credence/store"
	"credence/store/credential"
)

// documentedRoles reads the table of docs/roles.md: operation to the roles
// that may call it.
func documentedRoles(t *testing.T) map[string][]store.Role {
	t.Helper()
	page, err := os.ReadFile("../../docs/roles.md")
	must(t, err)
	row := regexp.MustCompile("(?m)^\\| `(\\w+)` \\|(.*)\\|(.*)\\|(.*)\\|(.*)\\|$")
	table := map[string][]store.Role{}
	for _, found := range row.FindAllStringSubmatch(string(page), -1) {
		table[found[1]] = []store.Role{}
		for i, role := range store.Roles() {
			if strings.TrimSpace(found[i+2]) == "yes" {
				table[found[1]] = append(table[found[1]], role)
			}
		}
	}
	return table
}

// ended is a token that was usable once.
func (d *deployment) ended(t *testing.T, change func(*store.Token)) string {
	t.Helper()
	text, err := credential.MintToken(rand.Reader)
	must(t, err)
	token := store.Token{ID: "tok_" + text.Reveal()[7:20], Name: "ended", Role: store.RoleAdmin, Hash: text.Digest(), CreatedAt: d.clock.now().Add(-time.Hour)}
	change(&token)
	_, err = d.store.InTx(t.Context(), func(ctx context.Context, tx *store.Tx) error {
		tx.Audit(store.AuditRecord{Actor: "system", Action: "token.create", Object: "token:" + token.ID})
		return tx.InsertToken(ctx, token)
	})
	must(t, err)
	return text.Reveal()
}

// TestEveryOperationIsOpenToTheRolesOfTheTableAndToNobodyElse: the table is
// that of docs/roles.md. Nobody else is who has no token, a wrong one, one that
// has ended; they cannot tell which of them it was.
func TestEveryOperationIsOpenToTheRolesOfTheTableAndToNobodyElse(t *testing.T) {
	d := deploy(t)
	table := documentedRoles(t)
	tokens := map[store.Role]string{}
	for _, role := range store.Roles() {
		tokens[role] = d.token(t, role).Reveal()
	}
	nobody := []string{
		"", "Bearer", "Bearer x", "Basic YTpi", "Bearer crdadm_" + strings.Repeat("0", 49), "Bearer " + tokens[store.RoleAdmin] + "x",
		"Bearer " + d.ended(t, func(token *store.Token) { token.ExpiresAt = d.clock.now() }),
		"Bearer " + d.ended(t, func(token *store.Token) { token.RevokedAt = d.clock.now() }),
	}
	for _, op := range api.Operations() {
		if op.Role == "" {
			if got := d.send(t, op.Method, concrete(op), "", "Authorization", "").status; got != http.StatusOK {
				t.Errorf("%s without a token: %d, want 200", op.ID, got)
			}
			continue
		}
		may, listed := table[op.ID]
		delete(table, op.ID)
		if !listed {
			t.Errorf("%s is not in the table of docs/roles.md: say there who may call it", op.ID)
			continue
		}
		var first answered
		for i, header := range nobody {
			// A body that is not JSON must not be looked at before the token.
			a := d.send(t, op.Method, concrete(op), "{", "Authorization", header)
			wantProblem(t, a, http.StatusUnauthorized, "unauthorized", "")
			if a.header.Get("WWW-Authenticate") == "" {
				t.Errorf("%s: 401 without a challenge", op.ID)
			}
			if a.problem.RequestID = ""; i == 0 {
				first = a
			}
			if diff := cmp.Diff(first.problem, a.problem); diff != "" {
				t.Errorf("%s: 401 differs with %q:\n%s", op.ID, header, diff)
			}
		}
		for role, text := range tokens {
			a := d.send(t, op.Method, concrete(op), "{", "Authorization", "Bearer "+text)
			denied := a.status == http.StatusForbidden && a.problem.Code == "forbidden"
			if denied == slices.Contains(may, role) {
				t.Errorf("%s as %s: %d %s; docs/roles.md says %v", op.ID, role, a.status, a.body, may)
			}
		}
	}
	for gone := range table {
		t.Errorf("docs/roles.md lists %s, which is no operation", gone)
	}
	if !strings.Contains(d.log.String(), "management request denied") {
		t.Error("denied attempts left no log event")
	}
}

// TestAForeignObjectIsAnsweredLikeOneThatDoesNotExist by every operation that
// names one, to the token of another namespace.
func TestAForeignObjectIsAnsweredLikeOneThatDoesNotExist(t *testing.T) {
	d := deploy(t)
	c := d.client(t, d.admin)
	ctx := t.Context()
	for _, name := range []string{"a", "b"} {
		_, err := c.NamespaceCreate(ctx, client.NamespaceCreateInput{Body: client.NamespaceCreate{Name: name}})
		must(t, err)
	}
	_, err := c.PlanCreate(ctx, client.PlanCreateInput{Body: client.PlanCreate{Namespace: "b", Name: "theirs"}})
	must(t, err)
	_, err = c.OwnerCreate(ctx, client.OwnerCreateInput{Body: client.OwnerCreate{Namespace: "b", Name: "theirs"}})
	must(t, err)
	key, err := c.KeyCreate(ctx, client.KeyCreateInput{Body: client.KeyCreate{Namespace: "b", Name: "theirs"}})
	must(t, err)
	rule, err := c.BlacklistAdd(ctx, client.BlacklistAddInput{Body: client.BlacklistAdd{Namespace: "b", Network: "192.0.2.1", Reason: "r"}})
	must(t, err)
	token, err := c.TokenCreate(ctx, client.TokenCreateInput{Body: client.TokenCreate{Name: "theirs", Role: "viewer", Namespaces: []string{"b"}}})
	must(t, err)
	mine := "Bearer " + d.token(t, store.RoleAdmin, "a").Reveal()

	tried := 0
	for _, op := range api.Operations() {
		theirs := strings.NewReplacer("{key_id}", key.Key.KeyID, "{token_id}", token.Token.TokenID)
		missing := strings.NewReplacer("{key_id}", "key_00000000000000000000000000", "{token_id}", "tok_00000000000000000000000000")
		var foreign, none string
		switch {
		case strings.Contains(op.Path, "{key_id}"), strings.Contains(op.Path, "{token_id}"):
			foreign, none = theirs.Replace(op.Path), missing.Replace(op.Path)
		case strings.HasPrefix(op.Path, "/v1/blacklist/{id}"):
			foreign, none = "/v1/blacklist/"+rule.ID, "/v1/blacklist/blk_00000000000000000000000000"
		case strings.HasPrefix(op.Path, "/v1/plans/{name}"), strings.HasPrefix(op.Path, "/v1/owners/{name}"):
			foreign = strings.Replace(op.Path, "{name}", "theirs", 1) + "?namespace=b"
			none = strings.Replace(op.Path, "{name}", "missing", 1) + "?namespace=b"
		case strings.HasPrefix(op.Path, "/v1/namespaces/{name}"):
			foreign, none = "/v1/namespaces/b", "/v1/namespaces/none"
		default:
			continue
		}
		tried++
		body := ""
		if _, takesBody := op.Input.FieldByName("Body"); takesBody {
			body = "{}"
		}
		x := d.send(t, op.Method, foreign, body, "Authorization", mine, "If-Match", `"1"`)
		y := d.send(t, op.Method, none, body, "Authorization", mine, "If-Match", `"1"`)
		if x.status != http.StatusNotFound && (x.status != http.StatusForbidden || op.ID != "NamespaceDelete") {
			t.Errorf("%s of a foreign object: %d %s", op.ID, x.status, x.body)
		}
		anonymous := strings.NewReplacer(key.Key.KeyID, "ID", token.Token.TokenID, "ID", rule.ID, "ID", "key_00000000000000000000000000", "ID",
			"tok_00000000000000000000000000", "ID", "blk_00000000000000000000000000", "ID", "theirs", "ID", "missing", "ID", `\"b\"`, "ID", `\"none\"`, "ID",
			x.problem.RequestID, "", y.problem.RequestID, "")
		if a, b := anonymous.Replace(x.body), anonymous.Replace(y.body); x.status != y.status || a != b {
			t.Errorf("%s: foreign %d %s\nmissing %d %s", op.ID, x.status, a, y.status, b)
		}
	}
	if tried < 20 {
		t.Errorf("only %d operations name an object", tried)
	}
}

// TestATokenIsTakenFromTheAuthorizationHeaderOnly: a browser would send a
// cookie by itself, and a query ends in logs.
func TestATokenIsTakenFromTheAuthorizationHeaderOnly(t *testing.T) {
	d := deploy(t)
	text := d.admin.Reveal()
	for title, a := range map[string]answered{
		"cookie":       d.send(t, "GET", "/v1/me", "", "Authorization", "", "Cookie", "token="+text+"; Authorization=Bearer "+text),
		"query":        d.send(t, "GET", "/v1/me?access_token="+text, "", "Authorization", ""),
		"x-api-key":    d.send(t, "GET", "/v1/me", "", "Authorization", "", "X-Api-Key", text),
		"proxy header": d.send(t, "GET", "/v1/me", "", "Authorization", "", "Proxy-Authorization", "Bearer "+text),
		"basic":        d.send(t, "GET", "/v1/me", "", "Authorization", "Basic "+text),
	} {
		if a.status != http.StatusUnauthorized {
			t.Errorf("token in %s: %d", title, a.status)
		}
	}
}
