package doctor

// Lines for Envoy. A test reads them as strictly as Envoy does, with its own
// types and rules.
const (
	// envoyHTTP2 belongs into the cluster of the Check server.
	envoyHTTP2 = `typed_extension_protocol_options:
  envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
    "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
    explicit_http_config: { http2_protocol_options: {} }`

	// envoyTLS too. Health checks do not say h2 by themselves, and without it
	// they are refused.
	envoyTLS = `transport_socket:
  name: envoy.transport_sockets.tls
  typed_config:
    "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext
    sni: credence.example.com
    common_tls_context:
      alpn_protocols: [h2]
      validation_context:
        trusted_ca: { filename: /etc/envoy/credence-ca.pem }
        match_typed_subject_alt_names:
        - { san_type: DNS, matcher: { exact: credence.example.com } }`

	envoyClientCertificate = `transport_socket:
  name: envoy.transport_sockets.tls
  typed_config:
    "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext
    sni: credence.example.com
    common_tls_context:
      alpn_protocols: [h2]
      tls_certificates:
      - certificate_chain: { filename: /etc/envoy/envoy.pem }
        private_key: { filename: /etc/envoy/envoy.key }
      validation_context:
        trusted_ca: { filename: /etc/envoy/credence-ca.pem }
        match_typed_subject_alt_names:
        - { san_type: DNS, matcher: { exact: credence.example.com } }`

	// envoyStray belongs into the ext_authz filter.
	envoyStray = `grpc_service:
  envoy_grpc: { cluster_name: credence }
  initial_metadata:
  - { key: x-credence-call-secret, value: THE_SECRET }`

	// envoyClientAddress belongs before the ext_authz filter.
	envoyClientAddress = `- name: envoy.filters.http.header_mutation
  typed_config:
    "@type": type.googleapis.com/envoy.extensions.filters.http.header_mutation.v3.HeaderMutation
    mutations:
      request_mutations:
      - append:
          header: { key: x-client-ip, value: "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%" }
          append_action: OVERWRITE_IF_EXISTS_OR_ADD`

	// envoyAllowedHeaders belongs into the ext_authz filter, in place of a
	// list there that lacks them. What Credence does not see it cannot take
	// away: forged spellings of its own headers belong into any list.
	envoyAllowedHeaders = `allowed_headers:
  patterns:
  - { exact: x-api-key, ignore_case: true }
  - { exact: authorization, ignore_case: true }
  - { exact: x-client-ip, ignore_case: true }
  - { exact: x-request-id, ignore_case: true }
  - { exact: content-type, ignore_case: true }
  - safe_regex: { regex: "x[-_.](credence|envoy[-_.]auth)[-_.].*" }`
)
