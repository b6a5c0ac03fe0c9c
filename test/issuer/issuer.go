// Package issuer runs a real OpenID Connect provider (github.com/zitadel/oidc)
// over TLS, for tests: discovery, key set, and a token endpoint that hands out
// access tokens with the claims that a test wants. Its signing key can be
// rotated, and it can go away and come back at the same address. Nothing here
// is for production.
package issuer

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	jose "github.com/go-jose/go-jose/v4"
	"github.com/zitadel/oidc/v3/example/server/storage"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"

	"credence/test/authority"
)

// Issuer is a running provider.
type Issuer struct {
	URL string
	CA  *authority.Authority // that signed its certificate

	handler http.Handler
	pair    tls.Certificate
	storage *store

	mu     sync.Mutex
	server *http.Server
	ended  chan struct{}
	asked  map[string]int
}

// Grant is what the token endpoint is to put into a token.
type Grant struct {
	Subject  string
	Audience []string
	Claims   map[string]any // beside those that every token has
}

const (
	clientID     = "robot"
	clientSecret = "a secret of a test" //nolint:gosec // of no use anywhere
)

// New starts a provider on loopback, whose certificate is valid around now; the
// test's end stops it.
func New(tb testing.TB, now time.Time) *Issuer {
	tb.Helper()
	ca := authority.New(tb, now)
	issued := ca.Server(tb, now)
	pair, err := tls.X509KeyPair(issued.Certificate, issued.Key)
	must(tb, err)
	listener, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // at once
	must(tb, err)
	i := &Issuer{URL: "https://" + listener.Addr().String(), CA: ca, pair: pair, asked: map[string]int{}}
	i.storage = &store{Storage: storage.NewStorage(storage.NewUserStore(i.URL))}
	i.storage.rotate(tb, jose.ES256)
	i.handler, err = op.NewProvider(&op.Config{}, i.storage, op.StaticIssuer(i.URL), op.WithLogger(slog.New(slog.DiscardHandler)))
	must(tb, err)
	i.serve(listener)
	tb.Cleanup(i.Stop)
	return i
}

func (i *Issuer) serve(listener net.Listener) {
	i.mu.Lock()
	defer i.mu.Unlock()
	server := &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			i.mu.Lock()
			i.asked[r.URL.Path]++
			i.mu.Unlock()
			i.handler.ServeHTTP(w, r)
		}),
		TLSConfig:         &tls.Config{Certificates: []tls.Certificate{i.pair}, MinVersion: tls.VersionTLS12},
		ErrorLog:          slog.NewLogLogger(slog.DiscardHandler, slog.LevelError),
		ReadHeaderTimeout: time.Minute,
	}
	ended := make(chan struct{})
	i.server, i.ended = server, ended
	go func() {
		defer close(ended)
		_ = server.ServeTLS(listener, "", "") // ends with Stop
	}()
}

// Stop takes the provider down: nobody answers at its address.
func (i *Issuer) Stop() {
	i.mu.Lock()
	server, ended := i.server, i.ended
	i.server = nil
	i.mu.Unlock()
	if server != nil {
		_ = server.Close()
		<-ended
	}
}

// Start brings it back at the same address.
func (i *Issuer) Start(tb testing.TB) {
	tb.Helper()
	listener, err := net.Listen("tcp", strings.TrimPrefix(i.URL, "https://")) //nolint:noctx // at once
	must(tb, err)
	i.serve(listener)
}

// Asked is how often the path was asked for.
func (i *Issuer) Asked(path string) int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.asked[path]
}

// KeysPath is where its key set is.
const KeysPath = "/keys"

// Rotate has it sign with another key, an RSA one, and forget the one before.
func (i *Issuer) Rotate(tb testing.TB) {
	tb.Helper()
	i.storage.rotate(tb, jose.RS256)
}

// Token asks the token endpoint for an access token.
func (i *Issuer) Token(tb testing.TB, g Grant) string {
	tb.Helper()
	i.storage.grant(g)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: i.CA.Pool(), MinVersion: tls.VersionTLS12}}}
	defer client.CloseIdleConnections()
	form := url.Values{"grant_type": {"client_credentials"}}
	r, err := http.NewRequestWithContext(tb.Context(), http.MethodPost, i.URL+"/oauth/token", strings.NewReader(form.Encode()))
	must(tb, err)
	r.SetBasicAuth(clientID, url.QueryEscape(clientSecret))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	res, err := client.Do(r)
	must(tb, err)
	defer res.Body.Close() //nolint:errcheck // read
	body, err := io.ReadAll(res.Body)
	must(tb, err)
	var answer struct {
		Token string `json:"access_token"`
	}
	if err := json.Unmarshal(body, &answer); err != nil || answer.Token == "" {
		tb.Fatalf("issuer: %s without a token (%d bytes): %v", res.Status, len(body), err)
	}
	return answer.Token
}

// Sign signs what the provider would never hand out, with its key and key id.
func (i *Issuer) Sign(tb testing.TB, header, claims map[string]any) string {
	tb.Helper()
	key := i.storage.current()
	return Sign(tb, jose.SigningKey{Algorithm: key.algorithm, Key: jose.JSONWebKey{Key: key.private, KeyID: key.id}}, header, claims)
}

// Public is the key that verifies what it signs now.
func (i *Issuer) Public() any { return i.storage.current().public }

// KeyID is the id of that key.
func (i *Issuer) KeyID() string { return i.storage.current().id }

// Sign signs claims with any key.
func Sign(tb testing.TB, key jose.SigningKey, header, claims map[string]any) string {
	tb.Helper()
	o := (&jose.SignerOptions{}).WithType("JWT")
	for name, value := range header {
		o = o.WithHeader(jose.HeaderKey(name), value)
	}
	signer, err := jose.NewSigner(key, o)
	must(tb, err)
	payload, err := json.Marshal(claims)
	must(tb, err)
	signed, err := signer.Sign(payload)
	must(tb, err)
	text, err := signed.CompactSerialize()
	must(tb, err)
	return text
}

// store is the storage of the provider: one client, and keys that rotate.
type store struct {
	*storage.Storage

	mu   sync.Mutex
	next Grant
	key  signingKey
}

func (s *store) grant(g Grant) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next = g
}

func (s *store) granted() Grant {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.next
}

func (s *store) current() signingKey {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.key
}

func (s *store) rotate(tb testing.TB, algorithm jose.SignatureAlgorithm) {
	tb.Helper()
	fresh := signingKey{id: rand.Text(), algorithm: algorithm}
	if algorithm == jose.RS256 {
		private, err := rsa.GenerateKey(rand.Reader, 2048)
		must(tb, err)
		fresh.private, fresh.public = private, &private.PublicKey
	} else {
		private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		must(tb, err)
		fresh.private, fresh.public = private, &private.PublicKey
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.key = fresh
}

// SigningKey is what tokens are signed with.
func (s *store) SigningKey(context.Context) (op.SigningKey, error) {
	key := s.current()
	return private{&key}, nil
}

// SignatureAlgorithms are named in discovery.
func (s *store) SignatureAlgorithms(context.Context) ([]jose.SignatureAlgorithm, error) {
	return []jose.SignatureAlgorithm{s.current().algorithm}, nil
}

// KeySet is what the key set holds.
func (s *store) KeySet(context.Context) ([]op.Key, error) {
	key := s.current()
	return []op.Key{&key}, nil
}

// ClientCredentials knows the one client.
func (s *store) ClientCredentials(_ context.Context, id, secret string) (op.Client, error) {
	if id != clientID || secret != clientSecret {
		return nil, errors.New("wrong client or secret")
	}
	return robot{storage.WebClient(clientID, clientSecret)}, nil
}

// ClientCredentialsTokenRequest is what the next token is for.
func (s *store) ClientCredentialsTokenRequest(_ context.Context, _ string, scopes []string) (op.TokenRequest, error) {
	g := s.granted()
	return &oidc.JWTTokenRequest{Subject: g.Subject, Audience: g.Audience, Scopes: scopes}, nil
}

// GetPrivateClaimsFromScopes are the claims that the test wants.
func (s *store) GetPrivateClaimsFromScopes(context.Context, string, string, []string) (map[string]any, error) {
	return s.granted().Claims, nil
}

// robot is a client that gets JWTs as access tokens.
type robot struct{ *storage.Client }

// AccessTokenType is a JWT.
func (robot) AccessTokenType() op.AccessTokenType { return op.AccessTokenTypeJWT }

// GrantTypes is the one that needs no browser.
func (robot) GrantTypes() []oidc.GrantType { return []oidc.GrantType{oidc.GrantTypeClientCredentials} }

type signingKey struct {
	id              string
	algorithm       jose.SignatureAlgorithm
	private, public any
}

// ID is the key id.
func (k *signingKey) ID() string { return k.id }

// Algorithm is that of its signatures.
func (k *signingKey) Algorithm() jose.SignatureAlgorithm { return k.algorithm }

// Use is that it signs.
func (k *signingKey) Use() string { return "sig" }

// Key is the public one.
func (k *signingKey) Key() any { return k.public }

// private is the signing key as what signs.
type private struct{ *signingKey }

// SignatureAlgorithm is that of its signatures.
func (k private) SignatureAlgorithm() jose.SignatureAlgorithm { return k.algorithm }

// Key is the private one.
func (k private) Key() any { return k.private }

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}
