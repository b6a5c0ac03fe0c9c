package signature

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// The headers.
const (
	HeaderID        = "webhook-id"
	HeaderTimestamp = "webhook-timestamp"
	HeaderSignature = "webhook-signature"
)

// Tolerance is how far apart the clocks of sender and receiver may be, the way
// of a message included.
const Tolerance = 5 * time.Minute

// mostSignatures bounds what is compared.
const mostSignatures = 16

// The reasons for which [Verify] refuses.
var (
	ErrUnsigned = errors.New("is not signed: webhook-id, webhook-timestamp or webhook-signature is missing or has no such form")
	ErrStale    = errors.New("was signed too long ago, or the clocks differ by more than 5 minutes")
	ErrForged   = errors.New("no signature fits: the secret is another one, or the body was changed on the way")
)

// Sign is the value of [HeaderSignature], with a signature by each secret.
func Sign(id string, at time.Time, body []byte, secrets ...Secret) string {
	signed := make([]string, len(secrets))
	for i, s := range secrets {
		signed[i] = "v1," + base64.StdEncoding.EncodeToString(s.mac(id, strconv.FormatInt(at.Unix(), 10), body))
	}
	return strings.Join(signed, " ")
}

// Verify answers nil when the secret made one of the signatures over the body,
// about now.
func Verify(header func(string) string, body []byte, now time.Time, secret Secret) error {
	id, stamp, signatures := header(HeaderID), header(HeaderTimestamp), header(HeaderSignature)
	seconds, err := strconv.ParseInt(stamp, 10, 64)
	if id == "" || signatures == "" || err != nil {
		return ErrUnsigned
	}
	at := time.Unix(seconds, 0)
	if at.Before(now.Add(-Tolerance)) || at.After(now.Add(Tolerance)) {
		return fmt.Errorf("%w: it says %s", ErrStale, at.UTC().Format(time.RFC3339))
	}
	want := secret.mac(id, stamp, body)
	for i, given := range strings.Fields(signatures) {
		if i == mostSignatures {
			break
		}
		encoded, v1 := strings.CutPrefix(given, "v1,")
		mac, err := base64.StdEncoding.DecodeString(encoded)
		if v1 && err == nil && len(secret.raw()) > 0 && subtle.ConstantTimeCompare(mac, want) == 1 {
			return nil
		}
	}
	return ErrForged
}

func (s Secret) mac(id, stamp string, body []byte) []byte {
	m := hmac.New(sha256.New, s.raw())
	m.Write([]byte(id + "." + stamp + "."))
	m.Write(body)
	return m.Sum(nil)
}
