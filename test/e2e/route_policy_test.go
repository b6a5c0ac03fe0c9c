package e2e_test

import (
	"testing"

	"credence/management/client"
	"credence/test/harness"
)

// plainRoutes has Envoy pass paths on as they come, and one route say nothing
// itself, as in a mesh where nobody can set context extensions.
func plainRoutes(c *harness.Config) error {
	for place, value := range map[string]any{
		harness.HCMPlace + "/normalize_path":                   false,
		harness.HCMPlace + "/merge_slashes":                    false,
		harness.HCMPlace + "/path_with_escaped_slashes_action": "KEEP_UNCHANGED",
	} {
		if err := c.Set(place, value); err != nil {
			return err
		}
	}
	for _, r := range []map[string]any{
		route("/named/", map[string]any{"credence.policy": "writers"}),
		route("/narrowed/", map[string]any{"credence.policy": "open", "credence.anonymous": "deny"}),
		route("/nobody/", map[string]any{"credence.policy": "nobody-stored-it", "credence.anonymous": "allow"}),
	} {
		if err := c.Prepend(harness.RoutesPlace, r); err != nil {
			return err
		}
	}
	return nil
}

// TestARoutePolicyIsNotTheClientsToChoose has a client try, by headers, by its
// host and by the spelling of its path, in front of an Envoy that names stored
// policies on some routes and says nothing on all others.
func TestARoutePolicyIsNotTheClientsToChoose(t *testing.T) {
	d := own(t, plainRoutes)
	wait := client.WaitInput{Wait: "10s"}
	for _, p := range []client.RoutePolicyCreate{
		{Name: "writers", Scopes: []string{"items:write"}},
		{Name: "open", Anonymous: "allow"},
		{Name: "rest", Paths: []string{"/*"}, Hosts: []string{"*.example.com"}},
		{Name: "free", Hosts: []string{"free.example.com"}, Anonymous: "allow"},
		{Name: "partners-only", Hosts: []string{"partners.example.com"}, Namespaces: []string{"partners"}},
		{Name: "admin", Hosts: []string{"api.example.com"}, Paths: []string{"/admin", "/admin/*"}, Scopes: []string{"admin"}},
		{Name: "admin-reads", Hosts: []string{"api.example.com"}, Paths: []string{"/admin/*"}, Methods: []string{"GET"}, Scopes: []string{"items:write"}},
	} {
		made, err := d.api.RoutePolicyCreate(t.Context(), client.RoutePolicyCreateInput{Body: p, WaitInput: wait})
		if err != nil {
			t.Fatal(err)
		}
		if made.Receipt == nil || made.Receipt.State != client.ReceiptComplete {
			t.Fatalf("policy %s: receipt %+v", p.Name, made.Receipt)
		}
	}
	reader := d.newKey(t, nil)
	writer := d.newKey(t, func(in *client.KeyCreate) { in.Scopes = []string{"items:write"} })
	forged := [][2]string{
		{"credence.policy", "open"},
		{"x-credence-policy", "open"},
		{"x-forwarded-host", "free.example.com"},
		{"x-original-host", "free.example.com"},
		{"x-envoy-original-path", "/free"},
		{"x-original-uri", "/free"},
		{"x-rewrite-url", "/free"},
		{"x-http-method-override", "GET"},
	}
	for _, c := range []struct {
		name, method, host, path string
		key                      *key
		status                   int
	}{
		{"named: a scope is demanded", "GET", "", "/named/x", &reader, 403},
		{"named: and held", "GET", "", "/named/x", &writer, 200},
		{"named: the rules of the host do not count", "GET", "free.example.com", "/named/x", nil, 401},
		{"named: what is said beside narrows", "GET", "", "/narrowed/x", nil, 401},
		{"named: nobody stored it", "GET", "", "/nobody/x", &writer, 503},
		{"no rule: a key of the default namespace", "GET", "other.test", "/x", &reader, 200},
		{"no rule: none", "GET", "other.test", "/x", nil, 401},
		{"by host: open", "GET", "free.example.com:8443", "/x", nil, 200},
		{"by host: of another namespace", "GET", "partners.example.com", "/x", &writer, 403},
		{"by path: the lax rest", "GET", "api.example.com", "/items", &reader, 200},
		{"by path: strict", "POST", "api.example.com", "/admin/users", &writer, 403},
		{"by path and method", "GET", "api.example.com", "/admin/users", &writer, 200},
		{"by path: in capitals", "POST", "api.example.com", "/ADMIN/users", &reader, 403},
		{"by path: an escape", "POST", "api.example.com", "/%61dmin/users", &reader, 403},
		{"by path: an escaped slash", "POST", "api.example.com", "/admin%2fusers", &reader, 403},
		{"by path: a doubled slash", "POST", "api.example.com", "//admin/users", &reader, 403},
		{"by path: a dot segment", "POST", "api.example.com", "/items/../admin/users", &reader, 403},
		{"by path: a parameter", "POST", "api.example.com", "/admin;x/users", &reader, 403},
		{"by path: a backslash", "POST", "api.example.com", "/admin\\users", &reader, 403},
		{"by path: a query does not count", "GET", "api.example.com", "/items?/admin/", &reader, 200},
		{"by host: in capitals", "POST", "API.example.COM", "/admin/users", &reader, 403},
		{"by host: a dot at the end", "POST", "api.example.com.", "/admin/users", &reader, 403},
	} {
		headers := forged
		if c.key != nil {
			headers = append([][2]string{c.key.header()}, forged...)
		}
		r, err := harness.Visit{To: d.envoy.Address, Method: c.method, Host: c.host, Path: c.path, Headers: headers}.Make(t.Context())
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if r.Status != c.status {
			t.Errorf("%s: %s %s%s: status %d, want %d; %s", c.name, c.method, c.host, c.path, r.Status, c.status, r.Body)
		}
	}
	deleteWhileInUse(t, d, wait)
}

// deleteWhileInUse takes a policy away that a route names.
func deleteWhileInUse(t *testing.T, d *deployment, wait client.WaitInput) {
	t.Helper()
	writer := d.newKey(t, func(in *client.KeyCreate) { in.Scopes = []string{"items:write"} })
	d.get(t, "/named/y", writer.header()).wantStatus(t, 200)
	shown, err := d.api.RoutePolicyShow(t.Context(), client.RoutePolicyShowInput{Name: "writers"})
	if err != nil {
		t.Fatal(err)
	}
	gone, err := d.api.RoutePolicyDelete(t.Context(), client.RoutePolicyDeleteInput{Name: "writers", IfMatch: shown.ETag(), WaitInput: wait})
	if err != nil || gone.Receipt == nil || gone.Receipt.State != client.ReceiptComplete {
		t.Fatalf("deleted: %+v, %v", gone, err)
	}
	d.get(t, "/named/y", writer.header()).wantStatus(t, 503)
}
