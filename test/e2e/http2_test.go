package e2e_test

import (
	"io"
	"net/http"
	"slices"
	"testing"

	"credence/test/harness"
)

// http2 sends one request over HTTP/2 without TLS.
func (d *deployment) http2(t *testing.T, path string, header http.Header) *reply {
	t.Helper()
	r, err := d.tryHTTP2(t, path, header)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// tryHTTP2 is http2 where there may be no reply.
func (d *deployment) tryHTTP2(t *testing.T, path string, header http.Header) (*reply, error) {
	t.Helper()
	var protocols http.Protocols
	protocols.SetUnencryptedHTTP2(true)
	transport := &http.Transport{Protocols: &protocols}
	defer transport.CloseIdleConnections()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+d.envoy.Address+path, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	request.Header = header
	client := http.Client{Transport: transport, Timeout: harness.Patience}
	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close() //nolint:errcheck // it was read to the end
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	if response.ProtoMajor != 2 {
		t.Fatalf("answered over %s: nothing was tested", response.Proto)
	}
	return &reply{status: response.StatusCode, header: response.Header, body: string(body)}, nil
}

// HTTP/2 keeps blanks around a value, and Envoy takes several lines of one
// name as they come.
func TestHTTP2ClientsAreTreatedAlike(t *testing.T) {
	k, other := shared.newKey(t, nil), shared.newKey(t, nil)
	shared.http2(t, "/h2", nil).wantStatus(t, 401)
	shared.http2(t, "/h2", http.Header{"X-Api-Key": {k.text, other.text}}).wantStatus(t, 400)
	shared.http2(t, "/h2", http.Header{"Authorization": {"Bearer " + k.text, "Bearer " + other.text}}).wantStatus(t, 400)
	shared.http2(t, "/h2", http.Header{"X-Api-Key": {"\xff\xfe"}}).wantStatus(t, 401)
	shared.http2(t, "/h2", http.Header{"X-Api-Key": {"  " + k.text + " \t"}}).wantStatus(t, 200)
	got := shared.http2(t, "/h2", http.Header{
		"X-Api-Key": {k.text}, "X-Credence-Key-Id": {"forged", "forged again"}, "X.credence.key-Id": {"forged"},
	}).echoed(t)
	if values := believed(got, "x-credence-key-id"); !slices.Equal(values, []string{k.id}) {
		t.Errorf("the upstream would read x-credence-key-id as %q, want %q alone", values, k.id)
	}
}
