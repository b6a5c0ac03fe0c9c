package stage

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"

	"credence/management/client"
	"credence/store/credential"
	"credence/test/harness"
	"credence/test/pgserver"
)

// Stage is a deployment before its first process starts.
type Stage struct {
	Owner   string // address of the database for the control plane
	Checker string // the same for the data plane: a login with credence_data

	Admin    string // a superuser's, for what an administrator does to it
	Database string // its name
	Folder   string // of the secrets; each process has one in it, such as extauthz-2, with its log

	binary    string
	token     credential.Text
	processes atomic.Int64
}

// Prepare makes a deployment in folder, on a new database of the server.
func Prepare(ctx context.Context, binary, folder string, server *pgserver.Server) (*Stage, error) {
	name := strings.ToLower("stage_" + rand.Text())
	s := &Stage{binary: binary, Folder: folder, Admin: server.Address(name), Database: name}
	// The owner is what docs/deployment.md asks for and no superuser.
	var err error
	if s.Owner, err = login(ctx, server, name, name+"_owner", "CREATEROLE"); err != nil {
		return nil, err
	}
	if err := server.Exec(ctx, "CREATE DATABASE "+name+" OWNER "+name+"_owner TEMPLATE template0"); err != nil {
		return nil, fmt.Errorf("make a database: %w", err)
	}
	if err := s.cli(ctx, "secrets", "init", "--out", s.secrets("")); err != nil {
		return nil, err
	}
	if err := s.cli(ctx, "migrate", "--store", s.Owner); err != nil {
		return nil, err
	}
	if s.Checker, err = login(ctx, server, name, name+"_data", "IN ROLE credence_data"); err != nil {
		return nil, err
	}
	file := s.secrets("admin.token")
	if err := s.cli(ctx, append([]string{"tokens", "bootstrap", "--store", s.Owner, "--out", file}, s.both()...)...); err != nil {
		return nil, err
	}
	token, err := os.ReadFile(file) //nolint:gosec // G304: in the folder of the test
	if err != nil {
		return nil, fmt.Errorf("first admin token: %w", err)
	}
	s.token = credential.NewText(strings.TrimSpace(string(token)))
	return s, nil
}

// login makes a role and answers its address of the database, over TCP.
func login(ctx context.Context, server *pgserver.Server, database, role, options string) (string, error) {
	word := rand.Text()
	if err := server.Exec(ctx, "CREATE ROLE "+role+" LOGIN PASSWORD '"+word+"' "+options); err != nil {
		return "", fmt.Errorf("make a login: %w", err)
	}
	admin, err := url.Parse(server.Address(database))
	if err != nil {
		return "", fmt.Errorf("address of PostgreSQL: %w", err)
	}
	at := url.URL{
		Scheme: "postgres", User: url.UserPassword(role, word), Path: "/" + database,
		Host: "127.0.0.1:" + admin.Query().Get("port"),
	}
	return at.String(), nil
}

// Through is the address of a database by way of another place, such as a
// line of package link.
func Through(address string, by netip.AddrPort) (string, error) {
	u, err := url.Parse(address)
	if err != nil {
		return "", fmt.Errorf("address: %w", err)
	}
	u.Host = by.String()
	return u.String(), nil
}

// Place is host:port of the database.
func (s *Stage) Place() string {
	u, err := url.Parse(s.Owner)
	if err != nil {
		return "" // Prepare has made it
	}
	return u.Host
}

// SecretsFile is the path of secrets.json.
func (s *Stage) SecretsFile() string { return s.secrets("secrets.json") }

// Keyset is the path of keyset.json.
func (s *Stage) Keyset() string { return s.secrets("keyset.json") }

func (s *Stage) secrets(file string) string { return filepath.Join(s.Folder, "secrets", file) }

func (s *Stage) both() []string {
	return []string{"--secrets-file", s.SecretsFile(), "--keyset", s.Keyset()}
}

func (s *Stage) cli(ctx context.Context, args ...string) error {
	_, err := harness.Run(ctx, s.binary, args...)
	return err
}

// Management starts a control plane on the address of the database. The
// caller stops it.
func (s *Stage) Management(ctx context.Context, store string, flags ...string) (*harness.Credence, error) {
	return s.start(ctx, "management", store, append(append(s.both(), "--api-addr", "127.0.0.1:0"), flags...))
}

// Replica starts a data plane on the address of the database. The caller stops
// it.
func (s *Stage) Replica(ctx context.Context, store string, flags ...string) (*harness.Credence, error) {
	return s.start(ctx, "extauthz", store, append(append(s.both()[:2:2], "--check-addr", "127.0.0.1:0"), flags...))
}

func (s *Stage) start(ctx context.Context, command, store string, flags []string) (*harness.Credence, error) {
	folder := filepath.Join(s.Folder, fmt.Sprintf("%s-%d", command, s.processes.Add(1)))
	if err := os.Mkdir(folder, 0o700); err != nil {
		return nil, fmt.Errorf("start %s: %w", command, err)
	}
	return harness.StartPlane(ctx, s.binary, folder, command, append([]string{"--store", store}, flags...)...)
}

// Client is a client of the control plane with the first admin token.
func (s *Stage) Client(m *harness.Credence) (*client.Client, error) {
	return client.New(client.Options{Server: "http://" + m.API, Token: s.token})
}

// Unknown is a text that was minted with the deployment's secrets and belongs
// to no key.
func (s *Stage) Unknown() (string, error) {
	secrets, err := credential.LoadSecrets(s.secrets("secrets.json"))
	if err != nil {
		return "", err
	}
	text, _, err := secrets.Mint(rand.Reader, "crd", "live")
	if err != nil {
		return "", err
	}
	return text.Reveal(), nil
}
