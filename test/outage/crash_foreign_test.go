package outage

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"credence/management/client"
	"credence/store"
	"credence/test/fakegitea"
	"credence/test/n8nserver"
)

// forge is Gitea.
type forge struct{ *fakegitea.Server }

func newForge(t *testing.T) foreign {
	t.Helper()
	s := fakegitea.New(t, "1.27.3")
	s.AddUser(fakegitea.User{Login: "alice"})
	return forge{s}
}

func (f forge) connect(d *desk) {
	_, err := d.api.Load().GiteaConnectionCreate(d.Context(), client.ConnectionCreateInput{Body: client.ConnectionCreate{
		Name: "main", URL: f.URL, Account: fakegitea.Admin, Credential: fakegitea.Password, Logins: []string{"alice"}, Scopes: []string{"read:user"},
	}})
	d.must(err)
}

func (f forge) create(d *desk, key string) (string, error) {
	made, err := d.api.Load().GiteaTokenCreate(d.Context(), client.GiteaTokenCreateInput{IdempotencyKey: strings.ReplaceAll(key, " ", "-"), Body: client.GiteaTokenCreate{
		Connection: "main", Login: "alice", Name: "ci", Scopes: []string{"read:user"},
	}})
	return string(made.Secret), err
}

func (f forge) remove(d *desk, id string) error {
	return d.api.Load().GiteaTokenDelete(d.Context(), client.GiteaTokenInput{TokenID: id})
}

func (f forge) turn(*desk, string) error { return errors.ErrUnsupported }

func (f forge) rows(d *desk) map[string]string {
	all, err := d.api.Load().GiteaTokenList(d.Context(), client.GiteaTokenListInput{})
	if err != nil {
		return nil // it has died
	}
	rows := map[string]string{}
	for _, t := range all.Items {
		rows[t.TokenID] = t.State
	}
	return rows
}

func (f forge) stored(ctx context.Context, r store.Reader) (states []string, err error) {
	all, _, err := r.OutsideCredentials(ctx, store.SystemGitea, store.OutsideFilter{}, store.Page{})
	for i := range all {
		states = append(states, string(all[i].State))
	}
	return states, err
}

func (f forge) works(d *desk, id string) bool {
	v, err := d.api.Load().GiteaTokenVerify(d.Context(), client.GiteaTokenInput{TokenID: id})
	d.must(err)
	return v.Outcome == "valid" || v.Outcome == "valid_limited"
}

func (f forge) there() int { return len(f.Tokens("alice")) }

func (f forge) strangers(d *desk) int {
	out, err := d.api.Load().GiteaTokenCompare(d.Context(), client.GiteaTokenCompareInput{Body: client.GiteaTokenCompare{Connection: "main"}})
	d.must(err)
	return len(out.Items)
}

func (f forge) next(method string, before func() bool, after func() bool) {
	mine := func(r *http.Request) bool { return r.Method == method && strings.Contains(r.URL.Path, "/tokens") }
	f.Before(func(_ http.ResponseWriter, r *http.Request) bool {
		if !mine(r) || before == nil {
			return false
		}
		f.Before(nil)
		if !before() {
			panic(http.ErrAbortHandler)
		}
		return false
	})
	f.After(func(_ http.ResponseWriter, r *http.Request) bool {
		if !mine(r) || after == nil {
			return false
		}
		f.After(nil)
		return after()
	})
}

// flows is n8n.
type flows struct{ *n8nserver.Fake }

func newFlows(t *testing.T) foreign {
	t.Helper()
	return flows{n8nserver.NewFake(t, n8nserver.New, time.Now)}
}

func (f flows) connect(d *desk) {
	_, err := d.api.Load().N8NConnectionCreate(d.Context(), client.ConnectionCreateInput{Body: client.ConnectionCreate{
		Name: "main", URL: f.URL, Account: n8nserver.Email, Credential: n8nserver.Password, Scopes: []string{"tag:list"},
	}})
	d.must(err)
}

func (f flows) create(d *desk, key string) (string, error) {
	made, err := d.api.Load().N8NKeyCreate(d.Context(), client.N8NKeyCreateInput{IdempotencyKey: strings.ReplaceAll(key, " ", "-"), Body: client.N8NKeyCreate{
		Connection: "main", Name: "ci", Scopes: []string{"tag:list"},
	}})
	return string(made.Secret), err
}

func (f flows) remove(d *desk, id string) error {
	return d.api.Load().N8NKeyDelete(d.Context(), client.N8NKeyInput{ID: id})
}

func (f flows) turn(d *desk, id string) error {
	_, err := d.api.Load().N8NKeyRotate(d.Context(), client.N8NKeyRotateInput{ID: id, Body: &client.N8NKeyRotate{InPlace: true}})
	return err
}

func (f flows) rows(d *desk) map[string]string {
	all, err := d.api.Load().N8NKeyList(d.Context(), client.N8NKeyListInput{})
	if err != nil {
		return nil // it has died
	}
	rows := map[string]string{}
	for _, k := range all.Items {
		rows[k.ID] = k.State
	}
	return rows
}

func (f flows) stored(ctx context.Context, r store.Reader) (states []string, err error) {
	all, _, err := r.OutsideCredentials(ctx, store.SystemN8N, store.OutsideFilter{}, store.Page{})
	for i := range all {
		states = append(states, string(all[i].State))
	}
	return states, err
}

func (f flows) works(d *desk, id string) bool {
	v, err := d.api.Load().N8NKeyVerify(d.Context(), client.N8NKeyInput{ID: id})
	d.must(err)
	return v.Outcome == "valid" || v.Outcome == "valid_limited"
}

func (f flows) there() int { return len(f.Labels()) }

func (f flows) strangers(d *desk) int {
	out, err := d.api.Load().N8NKeyCompare(d.Context(), client.N8NKeyCompareInput{Body: client.N8NKeyCompare{Connection: "main"}})
	d.must(err)
	return len(out.Items)
}

func (f flows) next(method string, before func() bool, after func() bool) {
	path := "/rest/api-keys"
	if method == rotate {
		method, path = http.MethodPost, "/rest/api-keys/"
	}
	f.Disrupt(method, path, func(_ *n8nserver.Fake, w http.ResponseWriter, r *http.Request, handler http.Handler) {
		if before != nil && !before() {
			panic(http.ErrAbortHandler)
		}
		if after == nil {
			handler.ServeHTTP(w, r)
			return
		}
		answer := httptest.NewRecorder()
		handler.ServeHTTP(answer, r)
		if after() {
			panic(http.ErrAbortHandler)
		}
		maps.Copy(w.Header(), answer.Header())
		w.WriteHeader(answer.Code)
		_, _ = w.Write(answer.Body.Bytes())
	})
}
