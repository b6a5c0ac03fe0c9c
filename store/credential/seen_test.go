package credential_test

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"strings"
	"testing"

	"credence/store/credential"
)

func TestASecretInATextIsSeenWhereverItStands(t *testing.T) {
	secrets, err := credential.NewSecrets(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	around := []string{
		"%", "for orders: %", "%, of the old gateway", "KEY=%", "x%", "%x", `{"key":"%"}`, "https://hooks.example.com/?key=%&a=b",
		"(%)", "a_b_%", "%_old", "%-2", "%%", "\xff%\xff", "schlüssel=%ä", "%.",
	}
	for range 50 {
		for _, head := range [][2]string{{"crd", "live"}, {"ab", "0"}, {"abcdefghijklmnop", "abcdefghijklmnop"}, {"a1", "x"}} {
			text, _, err := secrets.Mint(rand.Reader, head[0], head[1])
			if err != nil {
				t.Fatal(err)
			}
			for _, a := range around {
				if got := credential.Seen(strings.ReplaceAll(a, "%", text.Reveal())); got != "an API key" {
					t.Fatalf("a key %s_%s_... in %q is seen as %q", head[0], head[1], a, got)
				}
			}
		}
		token, err := credential.MintToken(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range around {
			if got := credential.Seen(strings.ReplaceAll(a, "%", token.Reveal())); got != "an admin token" {
				t.Fatalf("an admin token in %q is seen as %q", a, got)
			}
		}
	}
	webhook := "whsec_" + base64.StdEncoding.EncodeToString([]byte(strings.Repeat("~?", 16)))
	part := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
	jwt := part(`{"alg":"RS256"}`) + "." + part(`{"sub":"ann@example.com"}`) + "." + part(strings.Repeat("~?", 32))
	for _, a := range around {
		if got := credential.Seen(strings.ReplaceAll(a, "%", webhook)); got != "the secret of a webhook" {
			t.Errorf("the secret of a webhook in %q is seen as %q", a, got)
		}
		if got := credential.Seen(strings.ReplaceAll(a, "%", jwt)); got != "a signed token" {
			t.Errorf("a signed token in %q is seen as %q", a, got)
		}
	}
}

func TestTextsThatPeopleWriteShowNoSecret(t *testing.T) {
	digest := hex.EncodeToString([]byte(strings.Repeat("\xa5\x3c", 32)))
	for _, text := range []string{
		"", "_", "__", "a_b_c", "crd_live_", "crdadm_", "crd_live_...", "whsec_...", "crd_live_" + strings.Repeat("A", 48),
		"image_sha256_" + digest[:64], "build_sha512_" + digest, "IMAGE_sha256_" + strings.ToUpper(digest[:64]), "git_sha_" + digest[:40],
		"key_06h0c0s9w31zf92k3fm9k09xx0", "0190a5d4-7b1c-7e62-9d2a-000000000000", strings.Repeat("long_", 40),
		"the_key_of_the_team_that_moved_here_last_year_and_has_another_name_now", "eyJhbGciOiJSUzI1NiJ9", "https://example.com/a_b_c/d",
		"x_" + strings.Repeat("aB3", 20), "X_Y_" + strings.Repeat("aB3", 20), "a_live_" + strings.Repeat("aB3", 20),
	} {
		if got := credential.Seen(text); got != "" {
			t.Errorf("%q is seen as %s", text, got)
		}
	}
}

func FuzzSeen(f *testing.F) {
	for _, seed := range []string{"", "_", "a_b_", "crdadm_", "eyJ.eyJ.", "whsec_", "\xff", "note: "} {
		f.Add(seed, "")
		f.Add("", seed)
	}
	secrets, err := credential.NewSecrets(rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	text, _, err := secrets.Mint(rand.Reader, "crd", "live")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, before, after string) {
		if credential.Seen(before+text.Reveal()+after) == "" {
			t.Errorf("a key between %q and %q is not seen", before, after)
		}
		if secretAlone := credential.Seen(before); secretAlone != "" && credential.Seen(before+" "+after) == "" {
			t.Errorf("what was seen in %q is not, with %q behind it", before, after)
		}
	})
}
