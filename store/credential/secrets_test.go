package credential_test

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"credence/store/credential"
	"credence/store/secretfile"
)

func createSecrets(t *testing.T) (*credential.Secrets, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "secrets.json")
	s, err := credential.CreateSecrets(path, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return s, path
}

func loadSecrets(t *testing.T, path string) *credential.Secrets {
	t.Helper()
	s, err := credential.LoadSecrets(path)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestLoadedSecretsAreTheCreatedOnes(t *testing.T) {
	created, path := createSecrets(t)
	loaded := loadSecrets(t, path)
	if !loaded.Minted(mint(t, created)) || !created.Minted(mint(t, loaded)) {
		t.Error("key text of one is not minted by the other")
	}
	if created.Fingerprint() != loaded.Fingerprint() || created.SnapshotKey() != loaded.SnapshotKey() {
		t.Error("fingerprint or snapshot key differ")
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

func TestSecretsAreNeverOverwritten(t *testing.T) {
	first, path := createSecrets(t)
	_, err := credential.CreateSecrets(path, rand.Reader)
	wantError(t, err, fs.ErrExist, path, "never overwritten")
	if loadSecrets(t, path).Fingerprint() != first.Fingerprint() {
		t.Error("the file has changed")
	}
}

func TestSecretsFailWithTheirRandomSource(t *testing.T) {
	broken := errors.New("no entropy")
	for _, n := range []int64{0, 40, 80, 96} { // deployment, snapshot, checksum secret, id
		path := filepath.Join(t.TempDir(), "secrets.json")
		_, err := credential.CreateSecrets(path, io.MultiReader(io.LimitReader(rand.Reader, n), iotest.ErrReader(broken)))
		wantError(t, err, broken, "make secrets: random source")
		if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("stat = %v, want no file", err)
		}
	}
}

func TestFingerprintIsPublicAndOutlivesRotation(t *testing.T) {
	s, path := createSecrets(t)
	before := s.Fingerprint()
	if len(before) != 32 || strings.Trim(before, "0123456789abcdef") != "" {
		t.Fatalf("fingerprint %q is not 32 hexadecimal digits", before)
	}
	if newSecrets(t).Fingerprint() == before {
		t.Fatal("two deployments have one fingerprint")
	}
	change(t, path, func(f *file) {
		f.Checksum = list{Current: "c2", Secrets: []entry{newEntry("c2")}}
		f.Pepper = list{Current: "p1", Secrets: []entry{newEntry("p1")}}
		f.Snapshot = newEntry("").Secret
	})
	if after := loadSecrets(t, path).Fingerprint(); after != before {
		t.Fatalf("fingerprint %q became %q", before, after)
	}
}

func TestChecksumSecretsRotateWithoutRefusingLiveKeys(t *testing.T) {
	s, path := createSecrets(t)
	old, oldID := mint(t, s), s.ChecksumIDs()[0]
	change(t, path, func(f *file) {
		f.Checksum.Secrets = append(f.Checksum.Secrets, newEntry("c2"))
		f.Checksum.Current = "c2"
	})
	both := loadSecrets(t, path)
	text, id, err := both.Mint(rand.Reader, "crd", "live")
	if err != nil || id != "c2" {
		t.Fatalf("minted with %q, %v", id, err)
	}
	if !both.Minted(old) || !both.Minted([]byte(text.Reveal())) || s.Minted([]byte(text.Reveal())) {
		t.Fatal("old and new text are not told apart as they should")
	}
	if got := fmt.Sprint(both.ChecksumIDs()); got != "["+oldID+" c2]" {
		t.Fatalf("checksum ids %s", got)
	}
	change(t, path, func(f *file) { f.Checksum.Secrets = f.Checksum.Secrets[1:] })
	last := loadSecrets(t, path)
	if last.Minted(old) || !last.Minted([]byte(text.Reveal())) {
		t.Fatal("a removed secret still counts, or a valid one does not")
	}
}

func TestPeppersRotateWithoutLosingHashes(t *testing.T) {
	s, path := createSecrets(t)
	d := credential.DigestOf(mint(t, s))
	plain, _ := s.Hash(d)
	change(t, path, func(f *file) { f.Pepper = list{Current: "p1", Secrets: []entry{newEntry("p1")}} })
	peppered := loadSecrets(t, path)
	hash, id := peppered.Hash(d)
	if id != "p1" || hash == plain || !peppered.Matches(d, plain) || !peppered.Matches(d, hash) {
		t.Fatalf("with the first pepper (%q) not both hashes match", id)
	}
	change(t, path, func(f *file) { f.Pepper.Current = "" })
	retired := loadSecrets(t, path)
	if again, id := retired.Hash(d); id != "" || again != plain || !retired.Matches(d, hash) {
		t.Fatal("a pepper that is no longer current is not tried, or still used")
	}
	if got := fmt.Sprint(retired.PepperIDs()); got != "[p1]" {
		t.Fatalf("pepper ids %s", got)
	}
}

func TestBadSecretsFilesAreNamedWithFieldAndRemedy(t *testing.T) {
	for name, c := range map[string]struct {
		edit func(*file)
		want [2]string
	}{
		"newer version":        {func(f *file) { f.Version = 2 }, [2]string{"version: is 2", "use the program that wrote"}},
		"no version":           {func(f *file) { f.Version = 0 }, [2]string{"version: is 0", "use the program that wrote"}},
		"no deployment":        {func(f *file) { f.Deployment = nil }, [2]string{"deployment: is not the base64 of 32 bytes", "restore it"}},
		"short snapshot":       {func(f *file) { f.Snapshot = f.Snapshot[1:] }, [2]string{"snapshot: is not the base64 of 32 bytes", "restore it"}},
		"no checksum secret":   {func(f *file) { f.Checksum = list{} }, [2]string{"checksum.current: is empty", "name one"}},
		"no current checksum":  {func(f *file) { f.Checksum.Current = "" }, [2]string{"checksum.current: is empty", "name one"}},
		"unknown current":      {func(f *file) { f.Checksum.Current = "c9" }, [2]string{`checksum.current: "c9" is not in secrets`, "name one that is"}},
		"unknown pepper":       {func(f *file) { f.Pepper.Current = "p9" }, [2]string{`pepper.current: "p9" is not in secrets`, "name one that is"}},
		"five checksums":       {func(f *file) { f.Checksum.Secrets = make([]entry, 5) }, [2]string{"checksum.secrets: has 5 entries and 4", "remove the oldest"}},
		"five peppers":         {func(f *file) { f.Pepper.Secrets = make([]entry, 5) }, [2]string{"pepper.secrets: has 5 entries and 4", "remove the oldest"}},
		"long checksum secret": {func(f *file) { f.Checksum.Secrets[0].Secret = make([]byte, 33) }, [2]string{"checksum.secrets[0].secret: is not the base64", "openssl rand"}},
		"secret of zeros":      {func(f *file) { f.Checksum.Secrets[0].Secret = make([]byte, 32) }, [2]string{"checksum.secrets[0].secret: is all zeros", "openssl rand"}},
		"no id":                {func(f *file) { f.Checksum.Secrets[0].ID = "" }, [2]string{"checksum.secrets[0].id: is not 1 to 32", "restore it"}},
		"id with a blank":      {func(f *file) { f.Pepper.Secrets = []entry{newEntry("a b")} }, [2]string{"pepper.secrets[0].id: is not 1 to 32", "restore it"}},
		"same id twice":        {func(f *file) { f.Pepper.Secrets = []entry{newEntry("p"), newEntry("p")} }, [2]string{`pepper.secrets[1].id: "p" is there twice`, "of its own"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, path := createSecrets(t)
			secret := encoded(readFile(t, path).Checksum.Secrets[0].Secret)
			change(t, path, c.edit)
			_, err := credential.LoadSecrets(path)
			wantError(t, err, nil, "load secrets: "+path+": ", c.want[0], c.want[1])
			if strings.Contains(err.Error(), secret) {
				t.Fatal("the error shows a secret")
			}
		})
	}
}

func TestDamagedSecretsFilesAreRefused(t *testing.T) {
	_, path := createSecrets(t)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for n := range len(bytes.TrimSpace(whole)) {
		if err := os.WriteFile(path, whole[:n], 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := credential.LoadSecrets(path)
		wantError(t, err, io.ErrUnexpectedEOF, path, "restore it from a backup")
	}
	unknown := bytes.Replace(whole, []byte(`"version"`), []byte(`"colour": 1, "version"`), 1)
	if err := os.WriteFile(path, unknown, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = credential.LoadSecrets(path)
	wantError(t, err, nil, path, `unknown field "colour"`, "remove it")

	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	_, err = credential.LoadSecrets(path)
	wantError(t, err, secretfile.ErrTooWide, path, "chmod 640")

	_, err = credential.LoadSecrets(path + ".lost")
	wantError(t, err, fs.ErrNotExist, path+".lost", "restore it from a backup")
}

func TestSecretsShowNothingOfThemselves(t *testing.T) {
	s, path := createSecrets(t)
	f := readFile(t, path)
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
		fmt.Fprintf(&out, verb, s)
	}
	slog.New(slog.NewJSONHandler(&out, nil)).Info("secrets", slog.Any("secrets", s))
	slog.New(slog.NewTextHandler(&out, nil)).Info("secrets", slog.Any("secrets", s))
	if err := json.NewEncoder(&out).Encode(s); err != nil {
		t.Fatal(err)
	}
	out.WriteString(s.String() + s.GoString())
	if got := strings.Count(out.String(), "[redacted]"); got != 13 {
		t.Errorf("redacted %d times of 13: %s", got, out.String())
	}
	for _, secret := range [][]byte{f.Deployment, f.Snapshot, f.Checksum.Secrets[0].Secret} {
		for _, form := range []string{encoded(secret), fmt.Sprintf("%x", secret), fmt.Sprintf("%d", secret)} {
			if strings.Contains(out.String(), form) {
				t.Error("a secret is shown")
			}
		}
	}
}

func FuzzLoadSecrets(f *testing.F) {
	path := filepath.Join(f.TempDir(), "seed.json")
	if _, err := credential.CreateSecrets(path, rand.Reader); err != nil {
		f.Fatal(err)
	}
	seed, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(seed)
	f.Add([]byte(`{}`))
	f.Add([]byte(`{"version":1,"checksum":{"secrets":[{}]}}`))
	f.Fuzz(func(t *testing.T, content []byte) {
		path := filepath.Join(t.TempDir(), "secrets.json")
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := credential.LoadSecrets(path)
		if err != nil {
			wantError(t, err, nil, path)
			return
		}
		if !s.Minted(mint(t, s)) {
			t.Fatal("loaded secrets do not recognise what they mint")
		}
	})
}

func TestSecretsServeManyGoroutinesAtOnce(t *testing.T) {
	s := fullSecrets(t)
	good, bad := mint(t, s), mint(t, newSecrets(t))
	d := credential.DigestOf(good)
	want, _ := s.Hash(d)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 500 {
				if hash, _ := s.Hash(d); hash != want || !s.Minted(good) || s.Minted(bad) || !s.Matches(d, want) {
					t.Error("an answer differs when others ask at the same time")
					return
				}
			}
		})
	}
	wg.Wait()
}
