// Package forward starts the proxies that ask Credence over HTTP (Envoy's
// http_service, nginx, Caddy) on the configurations of envoy/forward, in front
// of an upstream that shows what reached it, and proves that they carry out
// what Credence decides.
package forward
