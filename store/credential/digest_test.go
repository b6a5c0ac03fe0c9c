package credential_test

import (
	"encoding/base64"
	"encoding/hex"
	"strings"
	"testing"

	"credence/store/credential"
)

func TestADigestIsReadInEverySpelling(t *testing.T) {
	want := credential.DigestOf([]byte("some text"))
	for _, text := range []string{
		hex.EncodeToString(want[:]), strings.ToUpper(hex.EncodeToString(want[:])),
		base64.StdEncoding.EncodeToString(want[:]), base64.RawStdEncoding.EncodeToString(want[:]),
		base64.URLEncoding.EncodeToString(want[:]), base64.RawURLEncoding.EncodeToString(want[:]),
	} {
		got, err := credential.ParseDigest(text)
		if err != nil || got != want {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestWhatIsNoDigestIsRefusedAndNotRepeated(t *testing.T) {
	for _, text := range []string{"", "abc", strings.Repeat("g", 64), strings.Repeat("a", 63), strings.Repeat("a", 42), strings.Repeat("!", 43), "crd_live_" + strings.Repeat("z", 49)} {
		_, err := credential.ParseDigest(text)
		if err == nil || text != "" && strings.Contains(err.Error(), text) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func FuzzParseDigest(f *testing.F) {
	d := credential.DigestOf([]byte("x"))
	for _, seed := range []string{"", hex.EncodeToString(d[:]), base64.StdEncoding.EncodeToString(d[:]), "=", strings.Repeat("_", 43)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := credential.ParseDigest(text)
		if err != nil {
			return
		}
		// Whatever is accepted stands for its bytes alone.
		again, err := credential.ParseDigest(hex.EncodeToString(got[:]))
		if err != nil || again != got {
			t.Fatalf("%q is read in two ways", text)
		}
	})
}
