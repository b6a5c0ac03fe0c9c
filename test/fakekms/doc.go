// Package fakekms has key management services for tests, on loopback: what
// answers like the transit engine of Vault, and like AWS KMS, by their wire
// protocols. They really encrypt (AES-256-GCM), know more than one key, check
// who asks, and can be told to answer anything else.
package fakekms
