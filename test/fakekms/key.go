package fakekms

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
)

// Instead answers a request in place of a service, when it returns true.
type Instead func(w http.ResponseWriter, r *http.Request) bool

// server is what both services have in common.
type server struct {
	URL     string
	keys    map[string]cipher.AEAD
	instead atomic.Pointer[Instead]
	asked   atomic.Int64
}

// Instead has something else answer from now on; nil ends that.
func (s *server) Instead(answer Instead) { s.instead.Store(&answer) }

// Asked is how many requests there were.
func (s *server) Asked() int64 { return s.asked.Load() }

func (s *server) serve(tb testing.TB, handler http.HandlerFunc) {
	tb.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.asked.Add(1)
		// Read whole whoever answers: only then a client that goes is noticed,
		// and the connection does not end with what nobody has read.
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		if instead := s.instead.Load(); instead != nil && *instead != nil && (*instead)(w, r) {
			return
		}
		handler(w, r)
	}))
	tb.Cleanup(server.Close)
	s.URL = server.URL
}

func newKeys(tb testing.TB, names []string) map[string]cipher.AEAD {
	tb.Helper()
	keys := map[string]cipher.AEAD{}
	for _, name := range names {
		block, err := aes.NewCipher(random(32))
		if err != nil {
			tb.Fatal(err)
		}
		if keys[name], err = cipher.NewGCM(block); err != nil {
			tb.Fatal(err)
		}
	}
	return keys
}

func random(n int) []byte {
	out := make([]byte, n)
	_, _ = rand.Read(out) // never fails, by its documentation
	return out
}

func encrypt(key cipher.AEAD, plain []byte) []byte {
	nonce := random(key.NonceSize())
	return key.Seal(nonce, nonce, plain, nil)
}

func decrypt(key cipher.AEAD, text []byte) ([]byte, bool) {
	if len(text) < key.NonceSize() {
		return nil, false
	}
	plain, err := key.Open(nil, text[:key.NonceSize()], text[key.NonceSize():], nil)
	return plain, err == nil
}
