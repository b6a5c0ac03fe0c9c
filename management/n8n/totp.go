package n8n

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // RFC 6238 as n8n has it; HMAC does not mind
	"encoding/base32"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"
)

// errTOTP does not repeat the text.
var errTOTP = errors.New("is not base32: give the secret as it was shown at enrolment")

// totpKey reads the secret of a second factor, as people type it.
func totpKey(text string) ([]byte, error) {
	text = strings.ToUpper(strings.NewReplacer(" ", "", "-", "", "=", "").Replace(text))
	key, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(text)
	if err != nil || len(key) == 0 {
		return nil, errTOTP
	}
	return key, nil
}

// totp is the code of the instant: six digits, 30 seconds, SHA-1 (RFC 6238).
func totp(secret string, at time.Time) (string, error) {
	key, err := totpKey(secret)
	if err != nil {
		return "", err
	}
	mac := hmac.New(sha1.New, key)
	_ = binary.Write(mac, binary.BigEndian, uint64(at.Unix())/30) // to memory
	sum := mac.Sum(nil)
	from := sum[len(sum)-1] & 0xf
	return fmt.Sprintf("%06d", binary.BigEndian.Uint32(sum[from:from+4])&0x7fffffff%1_000_000), nil
}
