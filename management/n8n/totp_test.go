package n8n

import (
	"encoding/base32"
	"testing"
	"time"
)

// TestCodesAreThoseOfRFC6238: its vectors for SHA-1, of which six digits are
// used.
func TestCodesAreThoseOfRFC6238(t *testing.T) {
	secret := base32.StdEncoding.EncodeToString([]byte("12345678901234567890"))
	for at, want := range map[int64]string{
		59: "287082", 1111111109: "081804", 1111111111: "050471", 1234567890: "005924", 2000000000: "279037", 20000000000: "353130",
	} {
		if got, err := totp(secret, time.Unix(at, 0)); err != nil || got != want {
			t.Errorf("at %d: %s, %v; want %s", at, got, err, want)
		}
	}
}

func TestWhatIsNoSecretHasNoCode(t *testing.T) {
	for _, o := range []string{"", "no base32!", "1"} {
		if _, err := totp(o, time.Unix(59, 0)); err == nil {
			t.Errorf("%q is taken for a secret", o)
		}
	}
}
