// Package seal encrypts what must be readable again: audit details now,
// credentials for other systems later.
package seal
