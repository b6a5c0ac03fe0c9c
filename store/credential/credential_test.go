package credential_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	mathrand "math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"

	"credence/store/credential"
)

func newSecrets(tb testing.TB) *credential.Secrets {
	tb.Helper()
	s, err := credential.NewSecrets(rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

func mint(tb testing.TB, s *credential.Secrets) []byte {
	tb.Helper()
	text, _, err := s.Mint(rand.Reader, credential.DefaultPrefix, credential.DefaultEnvironment)
	if err != nil {
		tb.Fatal(err)
	}
	return []byte(text.Reveal())
}

func TestMintedTextHasTheDocumentedForm(t *testing.T) {
	s := newSecrets(t)
	text, id, err := s.Mint(rand.Reader, "crd", "live")
	if err != nil {
		t.Fatal(err)
	}
	head, rest := text.Reveal()[:9], text.Reveal()[9:]
	if head != "crd_live_" || len(rest) != 43+6 || strings.Trim(rest, base62) != "" {
		t.Fatal("the text is not crd_live_ + 43 + 6 base62 characters")
	}
	if len(s.ChecksumIDs()) != 1 || id != s.ChecksumIDs()[0] {
		t.Fatalf("checksum id %q is not of %q", id, s.ChecksumIDs())
	}
}

const base62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

func TestEveryMintedTextIsMintedHereAndNowhereElse(t *testing.T) {
	here, elsewhere := newSecrets(t), newSecrets(t)
	rapid.Check(t, func(t *rapid.T) {
		prefix := rapid.StringMatching(`[a-z][a-z0-9]{1,15}`).Filter(func(p string) bool { return p != "crdadm" }).Draw(t, "prefix")
		environment := rapid.StringMatching(`[a-z0-9]{1,16}`).Draw(t, "environment")
		secret, _, err := here.Mint(rand.Reader, prefix, environment)
		if err != nil {
			t.Fatal(err)
		}
		text := []byte(secret.Reveal())
		if !credential.WellFormed(text) || !here.Minted(text) {
			t.Fatal("a minted text is not recognised")
		}
		if elsewhere.Minted(text) {
			t.Fatal("another deployment takes the text for its own")
		}
		if credential.DigestOf(text) != secret.Digest() {
			t.Fatal("two digests of one text")
		}
	})
}

func TestEverySingleByteChangeIsRefused(t *testing.T) {
	s := newSecrets(t)
	text := mint(t, s)
	for i := range text {
		for b := range 256 {
			changed := bytes.Clone(text)
			changed[i] = byte(b)
			if byte(b) != text[i] && s.Minted(changed) {
				t.Fatalf("byte %d can be %#x", i, b)
			}
		}
		if s.Minted(text[:i]) || s.Minted(text[i+1:]) || s.Minted(append(bytes.Clone(text), text[i])) {
			t.Fatalf("a text cut or grown at %d is taken for minted", i)
		}
	}
}

// TestChecksumIsTheDocumentedHMAC computes it anew with crypto/hmac, from the
// secret in the file.
func TestChecksumIsTheDocumentedHMAC(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secrets.json")
	s, err := credential.CreateSecrets(path, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	text := mint(t, s)
	body, sum := text[:len(text)-6], text[len(text)-6:]
	mac := hmac.New(sha256.New, readFile(t, path).Checksum.Secrets[0].Secret)
	mac.Write(body)
	var n uint64
	for _, b := range mac.Sum(nil)[:8] {
		n = n<<8 | uint64(b)
	}
	want := make([]byte, 6)
	for i := range want {
		want[i] = base62[n%62]
		n /= 62
	}
	if !bytes.Equal(sum, want) {
		t.Fatal("the checksum is not the HMAC")
	}
}

// TestRandomCharactersAreUnbiased draws 430 000 characters and demands a
// chi-square that a fair source passes in all but one of 10^9 runs; a plain
// remainder of bytes would be far outside. The source is seeded.
func TestRandomCharactersAreUnbiased(t *testing.T) {
	s := newSecrets(t)
	source := mathrand.NewChaCha8([32]byte{1})
	count := map[rune]float64{}
	const texts = 10_000
	for range texts {
		text, _, err := s.Mint(source, "crd", "live")
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range text.Reveal()[9:52] {
			count[c]++
		}
	}
	expected := float64(texts) * 43 / 62
	var chi float64
	for _, c := range base62 {
		chi += (count[c] - expected) * (count[c] - expected) / expected
	}
	if chi > 145 {
		t.Fatalf("chi-square %.0f over 61 degrees of freedom", chi)
	}
}

func TestMintRefusesBadPrefixEnvironmentAndRandomness(t *testing.T) {
	s := newSecrets(t)
	for _, prefix := range []string{"", "c", "1rd", "Crd", "cr_d", "cr-d", "abcdefghijklmnopq", "crdadm", "crd\n"} {
		_, _, err := s.Mint(rand.Reader, prefix, "live")
		wantError(t, err, nil, "mint key text: prefix: ", "choose")
	}
	for _, environment := range []string{"", "Live", "li_ve", "li-ve", "abcdefghijklmnopq"} {
		_, _, err := s.Mint(rand.Reader, "crd", environment)
		wantError(t, err, nil, "mint key text: environment: ", "choose one such as")
	}
	broken := errors.New("no entropy")
	_, _, err := s.Mint(iotest.ErrReader(broken), "crd", "live")
	wantError(t, err, broken, "mint key text: random source")
	stuck := bytes.NewReader(bytes.Repeat([]byte{0xff}, 4096))
	_, _, err = s.Mint(stuck, "crd", "live")
	wantError(t, err, nil, "does not give random bytes")
	_, err = credential.MintToken(iotest.ErrReader(broken))
	wantError(t, err, broken, "mint token text: random source")
}

func TestTokenTextIsWholeOrRefused(t *testing.T) {
	secret, err := credential.MintToken(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	text := []byte(secret.Reveal())
	if len(text) != 7+43+6 || !bytes.HasPrefix(text, []byte("crdadm_")) || !credential.WellFormedToken(text) {
		t.Fatal("the token text is not crdadm_ + 43 + 6 characters")
	}
	for i := range text {
		for b := range 256 {
			changed := bytes.Clone(text)
			changed[i] = byte(b)
			if byte(b) != text[i] && credential.WellFormedToken(changed) {
				t.Fatalf("byte %d can be %#x", i, b)
			}
		}
		if credential.WellFormedToken(text[:i]) {
			t.Fatalf("a text of %d bytes is taken for whole", i)
		}
	}
	s := newSecrets(t)
	if s.Minted(text) || credential.WellFormedToken(mint(t, s)) {
		t.Fatal("token text and key text are confused")
	}
}

func TestWellFormedIsLengthAndAlphabet(t *testing.T) {
	for text, want := range map[string]bool{
		"":                       false,
		"a":                      true,
		"AZaz09-._~+/=":          true,
		strings.Repeat("a", 256): true,
		strings.Repeat("a", 257): false,
		"a,b":                    false,
		"a b":                    false,
		" a":                     false,
		"a\n":                    false,
		"a\x00":                  false,
		"\xc3\xa4":               false,
		`a"`:                     false,
		"a%41":                   false,
		"a:b":                    false,
	} {
		if got := credential.WellFormed([]byte(text)); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}

func TestHashWithoutPepperIsTheDigest(t *testing.T) {
	s := newSecrets(t)
	d := credential.DigestOf(mint(t, s))
	h, id := s.Hash(d)
	if h != credential.Hash(d) || id != "" {
		t.Fatalf("hash is not the digest, or pepper id %q", id)
	}
	if got := s.Candidates(d, nil); len(got) != 1 || got[0] != h {
		t.Fatal("the candidates are not the digest alone")
	}
	if !s.Matches(d, h) || s.Matches(d, credential.Hash{}) {
		t.Fatal("matches wrongly")
	}
}

func TestHashesUnderEveryPepperAreFoundAndMatch(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secrets.json")
	if _, err := credential.CreateSecrets(path, rand.Reader); err != nil {
		t.Fatal(err)
	}
	change(t, path, func(f *file) {
		f.Pepper.Secrets = []entry{newEntry("p1"), newEntry("p2")}
		f.Pepper.Current = "p2"
	})
	s, err := credential.LoadSecrets(path)
	if err != nil {
		t.Fatal(err)
	}
	d := credential.DigestOf(mint(t, s))
	current, id := s.Hash(d)
	mac := hmac.New(sha256.New, readFile(t, path).Pepper.Secrets[1].Secret)
	mac.Write(d[:])
	if id != "p2" || !bytes.Equal(current[:], mac.Sum(nil)) {
		t.Fatalf("the hash under pepper %q is not HMAC-SHA-256(pepper, digest)", id)
	}
	candidates := s.Candidates(d, make([]credential.Hash, 1, credential.MaxCandidates))
	if len(candidates) != 1+3 || candidates[0] != (credential.Hash{}) {
		t.Fatalf("%d candidates appended to one", len(candidates)-1)
	}
	other := credential.DigestOf(mint(t, s))
	for i, h := range candidates[1:] {
		if !s.Matches(d, h) || s.Matches(other, h) {
			t.Errorf("candidate %d matches wrongly", i)
		}
		for b := range h {
			h[b] ^= 1
			if s.Matches(d, h) {
				t.Errorf("candidate %d matches with byte %d changed", i, b)
			}
			h[b] ^= 1
		}
	}
}

func TestRequestPathAllocatesNothing(t *testing.T) {
	s := fullSecrets(t)
	text := mint(t, s)
	d := credential.DigestOf(text)
	h, _ := s.Hash(d)
	dst := make([]credential.Hash, 0, credential.MaxCandidates)
	ok := true
	for name, f := range map[string]func(){
		"WellFormed": func() { ok = ok && credential.WellFormed(text) },
		"Minted":     func() { ok = ok && s.Minted(text) },
		"DigestOf":   func() { ok = ok && credential.DigestOf(text) == d },
		"Hash":       func() { _, id := s.Hash(d); ok = ok && id != "" },
		"Candidates": func() { ok = ok && len(s.Candidates(d, dst)) == credential.MaxCandidates },
		"Matches":    func() { ok = ok && s.Matches(d, h) },
	} {
		if n := testing.AllocsPerRun(100, f); n != 0 || !ok {
			t.Errorf("%s: %v allocations, right: %v", name, n, ok)
		}
	}
}

func FuzzMinted(f *testing.F) {
	s := newSecrets(f)
	text := mint(f, s)
	f.Add([]byte(""), 0)
	f.Add([]byte("crd_live_"), 9)
	f.Add(bytes.Repeat([]byte("_"), 60), 0)
	f.Add(bytes.Repeat([]byte("a"), 300), 3)
	f.Add(text[:20], 20)
	f.Fuzz(func(t *testing.T, input []byte, at int) {
		_ = credential.WellFormedToken(input)
		if s.Minted(input) && !credential.WellFormed(input) {
			t.Fatal("minted and not well formed")
		}
		// A minted text with the input written over a part of it.
		changed := bytes.Clone(text)
		copy(changed[(at%len(text)+len(text))%len(text):], input)
		if got := s.Minted(changed); got != bytes.Equal(changed, text) {
			t.Fatal("a changed text is taken for minted")
		}
	})
}

// fullSecrets has as many secrets as can be.
func fullSecrets(tb testing.TB) *credential.Secrets {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "secrets.json")
	if _, err := credential.CreateSecrets(path, rand.Reader); err != nil {
		tb.Fatal(err)
	}
	change(tb, path, func(f *file) {
		for _, id := range []string{"c2", "c3", "c4"} {
			f.Checksum.Secrets = append(f.Checksum.Secrets, newEntry(id))
		}
		for _, id := range []string{"p1", "p2", "p3", "p4"} {
			f.Pepper.Secrets = append(f.Pepper.Secrets, newEntry(id))
		}
		f.Pepper.Current = "p1"
	})
	s, err := credential.LoadSecrets(path)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

func BenchmarkMinted(b *testing.B) {
	for name, s := range map[string]*credential.Secrets{"secrets=1": newSecrets(b), "secrets=4": fullSecrets(b)} {
		text := mint(b, s)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if !s.Minted(text) {
					b.Fatal("not minted")
				}
			}
		})
	}
}

func BenchmarkDigestOf(b *testing.B) {
	text := mint(b, newSecrets(b))
	b.ReportAllocs()
	for b.Loop() {
		credential.DigestOf(text)
	}
}

func BenchmarkWellFormed(b *testing.B) {
	text := mint(b, newSecrets(b))
	b.ReportAllocs()
	for b.Loop() {
		credential.WellFormed(text)
	}
}

func BenchmarkMatches(b *testing.B) {
	s := newSecrets(b)
	d := credential.DigestOf(mint(b, s))
	h, _ := s.Hash(d)
	b.ReportAllocs()
	for b.Loop() {
		s.Matches(d, h)
	}
}

// file is secrets.json as documented, written down a second time.
type file struct {
	Version    int    `json:"version"`
	Deployment []byte `json:"deployment"`
	Checksum   list   `json:"checksum"`
	Pepper     list   `json:"pepper"`
	Snapshot   []byte `json:"snapshot"`
}

type list struct {
	Current string  `json:"current"`
	Secrets []entry `json:"secrets"`
}

type entry struct {
	ID     string `json:"id"`
	Secret []byte `json:"secret"`
}

func newEntry(id string) entry {
	secret := make([]byte, 32)
	_, _ = rand.Read(secret)
	return entry{id, secret}
}

func readFile(tb testing.TB, path string) file {
	tb.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		tb.Fatal(err)
	}
	var f file
	if err := json.Unmarshal(content, &f); err != nil {
		tb.Fatal(err)
	}
	return f
}

func change(tb testing.TB, path string, edit func(*file)) {
	tb.Helper()
	f := readFile(tb, path)
	edit(&f)
	content, err := json.Marshal(f)
	if err != nil {
		tb.Fatal(err)
	}
	if err := os.WriteFile(path, content, 0o600); err != nil {
		tb.Fatal(err)
	}
}

// wantError demands an error that wraps cause (if not nil) and says all parts.
func wantError(tb testing.TB, err, cause error, parts ...string) {
	tb.Helper()
	if err == nil {
		tb.Fatal("no error")
	}
	if cause != nil && !errors.Is(err, cause) {
		tb.Fatalf("error %q does not wrap %q", err, cause)
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			tb.Fatalf("error %q does not say %q", err, part)
		}
	}
}

func encoded(secret []byte) string { return base64.StdEncoding.EncodeToString(secret) }
