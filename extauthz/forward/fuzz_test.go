package forward

import (
	"bufio"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"unicode/utf8"
)

// Whatever bytes a proxy sends on, the answer is one that denies or allows in
// so many words, repeats none of the request, and passes only with the one key.
func FuzzHostileSubrequest(f *testing.F) {
	w := newWorld(f, nil)
	f.Add("GET /envoy/orders?a=b HTTP/1.1\r\nHost: h\r\nX-Api-Key: KEY\r\nX-Client-Ip: 192.0.2.1\r\n\r\n")
	f.Add("HEAD /envoy:orders/%2e%2e/;x HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer KEY\r\nX-Client-Ip: 192.0.2.1\r\n\r\n")
	f.Add("GET /auth HTTP/1.1\r\nHost: h\r\nX-Forwarded-Uri: /?api_key=KEY\r\nX-Forwarded-Method: GET\r\nX-Forwarded-Host: a\r\nX-Client-Ip: 192.0.2.1\r\n\r\n")
	f.Add("GET /auth-request/open HTTP/1.0\r\nX-Original-Uri: /x\r\nX-Original-Method: PUT\r\nX-Original-Host: a\r\nx_credence_owner: forged\r\n\r\n")
	f.Add("GET /auth/watch HTTP/1.1\r\nHost: h\r\nConnection: x-api-key\r\nX-Api-Key: KEY\r\nX-Forwarded-Uri: /\r\nX-Forwarded-Uri: /marked\r\n\r\n")
	f.Add("CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\n\r\n")
	f.Add("OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n")
	f.Fuzz(func(t *testing.T, raw string) {
		r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(strings.ReplaceAll(raw, "KEY", w.text))))
		if err != nil {
			return // net/http answers 400
		}
		recorder := httptest.NewRecorder()
		w.handler.ServeHTTP(recorder, r)
		have := replyOf(recorder)
		if strings.Contains(have.Body, w.text) || strings.Contains(have.Body, "marked") {
			t.Error("the answer repeats the request")
		}
		switch have.StatusCode {
		case http.StatusOK:
			open := strings.Contains(r.RequestURI, "open") || strings.Contains(r.RequestURI, "watch") || r.RequestURI == "/readyz"
			if !open && !strings.Contains(strings.ReplaceAll(raw, "KEY", w.text), w.text) {
				t.Errorf("allowed without a key: %q", raw)
			}
			if id := have.Header.Values("X-Credence-Owner"); r.RequestURI != "/readyz" && (len(id) != 1 || id[0] != "" && id[0] != "team orders") {
				t.Errorf("the upstream would believe %q", id)
			}
		case http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden, http.StatusTooManyRequests, http.StatusServiceUnavailable:
			wantNoIdentity(t, have)
		default:
			t.Errorf("status %d", have.StatusCode)
		}
	})
}

// Whatever a client sends, each profile answers what Envoy would get over gRPC.
func FuzzTheAnswerIsThatOverGRPC(f *testing.F) {
	w := newWorld(f, nil)
	w.overGRPC(f)
	f.Add("GET /orders?a=b HTTP/1.1\r\nHost: h\r\nX-Api-Key: KEY\r\n\r\n", true)
	f.Add("POST /x HTTP/1.1\r\nHost: h\r\nContent-Type: application/grpc\r\nAuthorization: Bearer KEY\r\nauthorization: basic x\r\n\r\n", false)
	f.Add("PUT /?api%5Fkey=KEY&api_key=SPENT HTTP/1.1\r\nHost: h\r\nX-Api-Key: ,\r\nX-Request-Id: 6f1c2b9e-0d5a-4f0e-9a57-1f1f6c7d2b11\r\n\r\n", false)
	f.Add("GET / HTTP/1.1\r\nHost: h\r\nX-Api-Key: SPENT\r\nX-Client-Ip: 192.0.2.1\r\n\r\n", true)
	f.Add("GET /\xff HTTP/1.1\r\nHost: h\r\nX-Api-Key: KEY\xff\r\n\r\n", true)
	f.Fuzz(func(t *testing.T, raw string, orders bool) {
		raw = strings.NewReplacer("KEY", w.text, "SPENT", w.spent).Replace(raw)
		r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(raw)))
		if err != nil || !strings.HasPrefix(r.RequestURI, "/") {
			return // net/http, or Envoy, answers that one
		}
		if !utf8.ValidString(r.Method + r.RequestURI) {
			return // no gRPC message can hold it: Envoy writes ! for such a byte, and asks about another request than a proxy over HTTP
		}
		client := clientRequest{method: r.Method, path: r.RequestURI}
		for spelled, values := range r.Header {
			name := strings.ToLower(spelled)
			if !utf8.ValidString(spelled) {
				return // as above
			}
			if hopByHop(name) || w.server.Forges([]byte(name)) || strings.HasPrefix(name, "x-forwarded-") || strings.HasPrefix(name, "x-original-") {
				return // not the client's, or refused: other tests
			}
			for _, value := range values {
				client.headers = append(client.headers, header{spelled, value})
			}
		}
		if orders {
			w.same(t, client, "orders", map[string]string{"credence.scopes": "orders:read"})
		} else {
			w.same(t, client, "", nil)
		}
	})
}
