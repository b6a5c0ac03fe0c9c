package e2e_test

import (
	"testing"

	"credence/test/harness"
)

// TestEnvoyMayLowerTheHeaderTable: its codec ends a connection whose peer does
// not say that it follows (RFC 9113, 4.3.1).
func TestEnvoyMayLowerTheHeaderTable(t *testing.T) {
	key := shared.newKey(t, nil)
	for _, size := range []int{1024, 64, 0} {
		d := gateway(t, func(c *harness.Config) error {
			return c.Add(harness.CredencePlace+"/typed_extension_protocol_options/envoy.extensions.upstreams.http.v3.HttpProtocolOptions"+
				"/explicit_http_config/http2_protocol_options/hpack_table_size", size)
		})
		for range 5 {
			d.get(t, "/table", key.header()).wantStatus(t, 200)
		}
	}
}
