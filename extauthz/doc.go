// Package extauthz answers Envoy.
package extauthz
