package fakegitea

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"testing"

	"credence/management/outgoing"
)

// Place is a server to run a suite against.
type Place struct {
	Name     string
	URL      string
	Login    string // of a site administrator
	Password string
	Fake     *Server // nil for a real one
}

// Places are the fakes of two versions, and the real server that the
// environment names, if it does.
func Places(t *testing.T) []Place {
	t.Helper()
	var all []Place
	for _, version := range []string{"1.26.0", "1.27.3"} {
		s := New(t, version)
		all = append(all, Place{Name: "fake " + version, URL: s.URL, Login: Admin, Password: Password, Fake: s})
	}
	if url := os.Getenv("GITEA_URL"); url != "" {
		login, password, _ := strings.Cut(os.Getenv("GITEA_ADMIN"), ":")
		all = append(all, Place{Name: "real", URL: url, Login: login, Password: password})
	}
	return all
}

// User makes a user, over the API.
func (p *Place) User(t *testing.T, login string) {
	t.Helper()
	body, err := json.Marshal(map[string]any{
		"username": login, "password": "Aa1-" + login + "-of-a-test", "email": login + "@example.test", "must_change_password": false,
	})
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, strings.TrimSuffix(p.URL, "/")+"/api/v1/admin/users", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.SetBasicAuth(p.Login, p.Password)
	r.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	said, _ := io.ReadAll(io.LimitReader(res.Body, 1<<10))
	if err := res.Body.Close(); err != nil || res.StatusCode != http.StatusCreated {
		t.Fatalf("make user %s: %d %s %v", login, res.StatusCode, said, err)
	}
	http.DefaultClient.CloseIdleConnections()
}

// Reach allows the addresses on which servers of tests are.
func Reach() outgoing.Options {
	return outgoing.Options{Allow: outgoing.Allow{Networks: []netip.Prefix{
		netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128"), netip.MustParsePrefix("10.0.0.0/8"),
		netip.MustParsePrefix("172.16.0.0/12"), netip.MustParsePrefix("192.168.0.0/16"),
	}}}
}
