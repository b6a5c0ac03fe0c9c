// Package kms has the key management services by whose keys keyset.json can be
// encrypted: AWS KMS, and the transit engine of HashiCorp Vault and OpenBao.
//
// [Find] answers the key that a URI names, in the form that Tink's own tools
// have for it:
//
//	aws-kms://arn:aws:kms:REGION:ACCOUNT:key/ID      (or alias/NAME)
//	hcvault://HOST[:PORT]/MOUNT/keys/NAME
//
// Who asks, and by which way, the environment says, as with every other client
// of these services: AWS_... (also AWS_ENDPOINT_URL_KMS, profiles, roles of the
// machine or of a Kubernetes service account) and VAULT_... (VAULT_TOKEN or
// VAULT_AGENT_ADDR, VAULT_CACERT, VAULT_NAMESPACE). VAULT_ADDR is heeded where
// it names the host of the URI: it then says whether that speaks TLS.
//
// # What happens when things fail
//
// A question takes [Timeout] at most, repeated attempts included. Answers are
// bounded, redirects are not followed. Every error names the URI, what the
// service said, and what can be done: the service is not reached, has no word
// for who asks, does not allow it, has no such key, or has one that did not
// encrypt this. None shows what was to be encrypted or decrypted.
//
// What a key encrypts is what Tink's own clients for these services would
// make of it, without associated data.
package kms
