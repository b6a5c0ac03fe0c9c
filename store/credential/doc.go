// Package credential is the key text: how it is minted, recognised, digested
// and compared. It is the only package that looks into key text.
package credential
