package api_test

import (
	"crypto/rand"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"credence/management/api"
	"credence/management/client"
	"credence/store"
	"credence/store/credential"
	"credence/test/fakegitea"
)

// forSecrets are the fields that a secret is sent in: hashed or sealed, and
// never told. Every other one refuses it.
var forSecrets = []string{
	"KeyImport keys[0].key_text",
	"GiteaConnectionCreate credential", "GiteaConnectionUpdate credential",
	"N8NConnectionCreate credential", "N8NConnectionUpdate credential",
}

// place is where a body may hold a text: its field as errors name it, and the
// body with the text there.
type place struct {
	field string
	body  any
}

// places walks a schema of the document. Where it takes any other kind of value,
// a text can be sent too; where it takes names of the caller's, one of them.
func places(tree map[string]any, schema map[string]any, text string) (found []place) {
	if ref, ok := schema["$ref"].(string); ok {
		return places(tree, at(tree, ref), text)
	}
	if properties, ok := schema["properties"].(map[string]any); ok {
		for name, below := range properties {
			for _, p := range places(tree, object(below), text) {
				found = append(found, place{strings.TrimSuffix(name+"."+p.field, "."), map[string]any{name: p.body}})
			}
		}
		return joined(found)
	}
	if below, ok := schema["items"].(map[string]any); ok {
		for _, p := range places(tree, below, text) {
			found = append(found, place{"[0]." + p.field, []any{p.body}})
		}
		return found
	}
	if below, ok := schema["additionalProperties"].(map[string]any); ok {
		for _, p := range places(tree, below, text) {
			found = append(found, place{"any." + p.field, map[string]any{"any": p.body}})
		}
		return append(found, place{"", map[string]any{text: "x"}})
	}
	return []place{{"", text}}
}

// joined writes the paths of elements as errors do: keys[0].name.
func joined(found []place) []place {
	for i := range found {
		found[i].field = strings.TrimSuffix(strings.ReplaceAll(found[i].field, ".[", "["), ".")
	}
	return found
}

func at(tree map[string]any, pointer string) map[string]any {
	for name := range strings.SplitSeq(strings.TrimPrefix(pointer, "#/"), "/") {
		tree = object(tree[name])
	}
	return tree
}

// object is a node of the tree that has members.
func object(node any) map[string]any {
	members, _ := node.(map[string]any)
	return members
}

// placesOf are those of an operation's body.
func placesOf(tree map[string]any, op api.Operation, text string) []place {
	described := object(object(at(tree, "#/paths")[op.Path])[strings.ToLower(op.Method)])
	body, ok := described["requestBody"].(map[string]any)
	if !ok {
		return nil
	}
	return places(tree, object(object(at(body, "#/content")["application/json"])["schema"]), text)
}

// secrets are a key of another deployment and an admin token.
func secrets(t *testing.T) []credential.Text {
	t.Helper()
	elsewhere, err := credential.NewSecrets(rand.Reader)
	must(t, err)
	key, _, err := elsewhere.Mint(rand.Reader, "acme", "test")
	must(t, err)
	token, err := credential.MintToken(rand.Reader)
	must(t, err)
	return []credential.Text{key, token}
}

// keepsNothingOf searches the database, the log and the opened details of the
// audit log for a secret.
func (d *deployment) keepsNothingOf(t *testing.T, secret credential.Text) {
	t.Helper()
	text := secret.Reveal()
	kept := map[string]string{"log": d.log.String()}
	files, err := filepath.Glob(d.path + "*")
	must(t, err)
	for _, file := range files {
		content, err := os.ReadFile(file)
		must(t, err)
		kept[filepath.Base(file)] = string(content)
	}
	entries, err := d.client(t, d.admin).AuditList(t.Context(), client.AuditListInput{PageInput: client.PageInput{Limit: 500}})
	must(t, err)
	opened, err := json.Marshal(entries)
	must(t, err)
	kept["audit log"] = string(opened)
	if len(kept) < 3 || len(kept["log"]) == 0 || len(entries.Items) == 0 {
		t.Fatal("there is nothing to search")
	}
	for place, content := range kept {
		if strings.Contains(content, text[len(text)-40:len(text)-10]) {
			t.Errorf("the %s holds the secret", place)
		}
	}
}

// TestNoFieldOfAnyOperationKeepsASecretInClear: a new operation or field is in
// the walk by itself. It is refused by name and not repeated.
func TestNoFieldOfAnyOperationKeepsASecretInClear(t *testing.T) {
	d := deploy(t)
	_, tree := published(t)
	for _, secret := range secrets(t) {
		text, walked, accepted := secret.Reveal(), 0, []string(nil)
		for _, op := range api.Operations() {
			for _, p := range placesOf(tree, op, "see "+text+".") {
				walked++
				body, err := json.Marshal(p.body)
				must(t, err)
				a := d.send(t, op.Method, concrete(op), string(body))
				if strings.Contains(a.body, text[20:40]) {
					t.Errorf("%s %s: the answer repeats the secret", op.ID, p.field)
				}
				refused := a.status == http.StatusUnprocessableEntity && a.problem.Code == "invalid_input" &&
					len(a.problem.Errors) == 1 && a.problem.Errors[0].Field == p.field &&
					strings.Contains(a.problem.Errors[0].Problem, "looks like a") && strings.Contains(a.problem.Errors[0].Remedy, "rotate it")
				if !refused {
					accepted = append(accepted, op.ID+" "+p.field)
				}
			}
		}
		slices.Sort(accepted)
		if want := slices.Sorted(slices.Values(forSecrets)); !slices.Equal(accepted, want) {
			t.Errorf("fields that take a secret are %v, want %v", accepted, want)
		}
		if walked < 200 {
			t.Errorf("only %d fields were tried", walked)
		}
		d.keepsNothingOf(t, secret)
	}
}

// TestFieldsForSecretsAreThoseOfTheTypeForThem: what is hidden when it is
// printed is what the API takes a secret in.
func TestFieldsForSecretsAreThoseOfTheTypeForThem(t *testing.T) {
	var hidden []string
	for _, op := range api.Operations() {
		if body, ok := op.Input.FieldByName("Body"); ok {
			hidden = append(hidden, textFields(body.Type, op.ID+" ")...)
		}
	}
	slices.Sort(hidden)
	if want := slices.Sorted(slices.Values(forSecrets)); !slices.Equal(hidden, want) {
		t.Errorf("fields of type KeyText are %v, want %v", hidden, want)
	}
}

func textFields(typ reflect.Type, path string) (found []string) {
	switch {
	case typ == reflect.TypeFor[client.KeyText]() || typ == reflect.TypeFor[client.Patch[client.KeyText]]():
		return []string{strings.TrimSuffix(path, ".")}
	case typ.Kind() == reflect.Pointer:
		return textFields(typ.Elem(), path)
	case typ.Kind() == reflect.Slice:
		return textFields(typ.Elem(), strings.TrimSuffix(path, ".")+"[0].")
	case typ.Kind() == reflect.Struct:
		for field := range typ.Fields() {
			name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
			if field.Anonymous || name != "" {
				below := path + name + "."
				if field.Anonymous {
					below = path
				}
				found = append(found, textFields(field.Type, below)...)
			}
		}
	}
	return found
}

func TestASecretInItsOwnFieldIsTakenAndNotKeptInClear(t *testing.T) {
	d := deploy(t)
	c, forge := d.client(t, d.admin), fakegitea.New(t, "1.27.3")
	for i, secret := range secrets(t) {
		text := client.KeyText(secret.Reveal())
		done, err := c.KeyImport(t.Context(), client.KeyImportInput{Body: client.KeyImport{Keys: []client.KeyImportRow{
			{KeyText: text, KeyCreate: client.KeyCreate{Name: "imported"}},
		}}})
		must(t, err)
		if i == 0 && done.Created != 1 {
			t.Errorf("the key was not taken: %+v", done)
		}
		_, err = c.GiteaConnectionCreate(t.Context(), client.ConnectionCreateInput{Body: client.ConnectionCreate{
			Name: "with-" + strconv.Itoa(i), URL: forge.URL, Account: "admin", Credential: text, Logins: []string{"*"}, Scopes: []string{"read:user"},
		}})
		must(t, err)
		d.keepsNothingOf(t, secret)
	}
}

// TestARefusedRequestLeavesNothingOfWhatItHeld: in its body, its path, its query
// and its headers, whatever it is refused for.
func TestARefusedRequestLeavesNothingOfWhatItHeld(t *testing.T) {
	d := deploy(t)
	viewer := "Bearer " + d.token(t, store.RoleViewer).Reveal()
	described, _ := published(t)
	for _, secret := range secrets(t) {
		text := secret.Reveal()
		var answers []answered
		send := func(method, path, body string, headers ...string) {
			answers = append(answers, d.send(t, method, path, body, headers...))
		}
		for _, op := range api.Operations() {
			if op.Role == "" {
				continue
			}
			body := ""
			if _, ok := op.Input.FieldByName("Body"); ok {
				body = `{"name": "` + text + `"}`
			}
			send(op.Method, concrete(op), body, "Authorization", "Bearer "+text)
			if op.Role != store.RoleViewer {
				send(op.Method, concrete(op), body, "Authorization", viewer)
			}
			if op.Creates {
				send(op.Method, concrete(op), "{}", "Idempotency-Key", text)
				if last := answers[len(answers)-1]; last.problem.Code != "invalid_input" || last.problem.Errors[0].Field != "Idempotency-Key" {
					t.Errorf("%s with the secret as Idempotency-Key: %s", op.ID, last.body)
				}
			}
			if op.NeedsIfMatch {
				send(op.Method, concrete(op), "{}", "If-Match", `"`+text+`"`)
			}
			for _, p := range described.Paths[op.Path][strings.ToLower(op.Method)].Parameters {
				switch p.In {
				case "path":
					send(op.Method, strings.ReplaceAll(op.Path, "{"+p.Name+"}", text), "")
				case "query":
					if op.Output != reflect.TypeFor[client.Stream]() {
						send(op.Method, concrete(op)+"?"+p.Name+"="+text, "")
					}
				}
			}
			send(op.Method, concrete(op)+"?"+text+"=x", "")
		}
		send(http.MethodPost, "/v1/keys", `{"name": "`+text)
		send(http.MethodPost, "/v1/keys", `{"name": "`+text+`"}`, "Content-Type", "text/plain")
		send(http.MethodPost, "/v1/keys", `{"`+text+`": "x"}`)
		send(http.MethodPost, "/v1/keys", `{"name": ["`+text+`"]}`)
		send(http.MethodPost, "/v1/keys", text)
		send(http.MethodPost, "/v1/keys", `{"name": "`+text+`", "description": "`+strings.Repeat("x", 1<<20)+`"}`)
		send(http.MethodGet, "/"+text, "")
		for _, a := range answers {
			if strings.Contains(a.body, text[20:40]) {
				t.Errorf("an answer repeats the secret: %d %s", a.status, a.problem.Code)
			}
		}
		d.keepsNothingOf(t, secret)
	}
}
