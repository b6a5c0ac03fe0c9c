package seal_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/mac"
	tinkpb "github.com/tink-crypto/tink-go/v2/proto/tink_go_proto"
	"github.com/tink-crypto/tink-go/v2/signature"

	"credence/store/seal"
	"credence/store/secretfile"
)

func createKeyset(t *testing.T) (*seal.Keyset, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "keyset.json")
	k, err := seal.CreateKeyset(t.Context(), path, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	return k, path
}

func loadKeyset(t *testing.T, path string) *seal.Keyset {
	t.Helper()
	k, err := seal.LoadKeyset(t.Context(), path, nil)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// file is keyset.json as documented, written down a second time.
type file struct {
	Version    int             `json:"version"`
	Deployment []byte          `json:"deployment"`
	Sealing    json.RawMessage `json:"sealing"`
	Signing    json.RawMessage `json:"signing"`
}

func change(t *testing.T, path string, edit func(*file)) {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var f file
	if err := json.Unmarshal(content, &f); err != nil {
		t.Fatal(err)
	}
	edit(&f)
	if content, err = json.Marshal(f); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

// rotate adds a new primary key to a keyset, as Tink's own tool does.
func rotate(t *testing.T, content json.RawMessage, template *tinkpb.KeyTemplate) json.RawMessage {
	t.Helper()
	handle, err := insecurecleartextkeyset.Read(keyset.NewJSONReader(bytes.NewReader(content)))
	if err != nil {
		t.Fatal(err)
	}
	manager := keyset.NewManagerFromHandle(handle)
	id, err := manager.Add(template)
	if err != nil {
		t.Fatal(err)
	}
	if err := manager.SetPrimary(id); err != nil {
		t.Fatal(err)
	}
	return written(t, manager)
}

func written(t *testing.T, manager *keyset.Manager) json.RawMessage {
	t.Helper()
	handle, err := manager.Handle()
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := insecurecleartextkeyset.Write(handle, keyset.NewJSONWriter(&out)); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// made is a keyset of one new key.
func made(t *testing.T, template *tinkpb.KeyTemplate) json.RawMessage {
	t.Helper()
	manager := keyset.NewManager()
	id, err := manager.Add(template)
	if err != nil {
		t.Fatal(err)
	}
	if err := manager.SetPrimary(id); err != nil {
		t.Fatal(err)
	}
	return written(t, manager)
}

func TestLoadedKeysetIsTheCreatedOne(t *testing.T) {
	created, path := createKeyset(t)
	loaded := loadKeyset(t, path)
	if plain, err := loaded.Open(sealed(t, created, []byte("details"), []byte("a")), []byte("a")); err != nil || string(plain) != "details" {
		t.Errorf("opened %q, %v", plain, err)
	}
	sig, err := created.Sign([]byte("message"))
	if err != nil {
		t.Fatal(err)
	}
	if err := loaded.Verify(sig, []byte("message")); err != nil {
		t.Error(err)
	}
	if created.Fingerprint() != loaded.Fingerprint() {
		t.Error("fingerprints differ")
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

func TestKeysetIsNeverOverwritten(t *testing.T) {
	first, path := createKeyset(t)
	_, err := seal.CreateKeyset(t.Context(), path, "", nil)
	wantError(t, err, fs.ErrExist, path, "never overwritten")
	if loadKeyset(t, path).Fingerprint() != first.Fingerprint() {
		t.Error("the file has changed")
	}
}

func TestRotationKeepsTheOldReadable(t *testing.T) {
	old, path := createKeyset(t)
	place, message := []byte("here"), []byte("checkpoint")
	oldData := sealed(t, old, []byte("details"), place)
	oldSig, err := old.Sign(message)
	if err != nil {
		t.Fatal(err)
	}
	change(t, path, func(f *file) {
		f.Sealing = rotate(t, f.Sealing, aead.AES256GCMKeyTemplate())
		f.Signing = rotate(t, f.Signing, signature.ED25519KeyTemplate())
	})
	rotated := loadKeyset(t, path)
	if plain, err := rotated.Open(oldData, place); err != nil || string(plain) != "details" {
		t.Errorf("old data opened to %q, %v", plain, err)
	}
	if err := rotated.Verify(oldSig, message); err != nil {
		t.Errorf("old signature: %v", err)
	}
	wantBroken(t, old, sealed(t, rotated, []byte("details"), place), place, "new data under the old keyset")
	newSig, err := rotated.Sign(message)
	if err != nil {
		t.Fatal(err)
	}
	if err := old.Verify(newSig, message); !errors.Is(err, seal.ErrSignatureBroken) {
		t.Errorf("new signature under the old keyset: %v", err)
	}
	if rotated.Fingerprint() != old.Fingerprint() {
		t.Error("the fingerprint has changed with the keys")
	}
}

func TestFingerprintTellsDeploymentsApart(t *testing.T) {
	a, b := newKeyset(t).Fingerprint(), newKeyset(t).Fingerprint()
	if a == b || len(a) != 32 || strings.Trim(a, "0123456789abcdef") != "" {
		t.Errorf("fingerprints %q and %q", a, b)
	}
}

func TestBadKeysetFilesAreNamedWithFieldAndRemedy(t *testing.T) {
	for name, c := range map[string]struct {
		edit func(*file)
		want [2]string
	}{
		"newer version":        {func(f *file) { f.Version = 2 }, [2]string{"version: is 2", "use the program that wrote"}},
		"no deployment":        {func(f *file) { f.Deployment = nil }, [2]string{"deployment: is not the base64 of 32 bytes", "backup"}},
		"no sealing":           {func(f *file) { f.Sealing = nil }, [2]string{"sealing: is not a Tink keyset", "backup"}},
		"empty signing":        {func(f *file) { f.Signing = json.RawMessage(`{}`) }, [2]string{"signing: is not a Tink keyset", "backup"}},
		"unknown field inside": {func(f *file) { f.Sealing = json.RawMessage(`{"colour":1}`) }, [2]string{"sealing: is not a Tink keyset", "backup"}},
		"exchanged":            {func(f *file) { f.Sealing, f.Signing = f.Signing, f.Sealing }, [2]string{"sealing: key 0 is not a Tink AES-256-GCM key", "remove it"}},
		"shorter sealing key":  {func(f *file) { f.Sealing = made(t, aead.AES128GCMKeyTemplate()) }, [2]string{"sealing: key 0 is not", "remove it"}},
		"key without id":       {func(f *file) { f.Sealing = made(t, aead.AES256GCMNoPrefixKeyTemplate()) }, [2]string{"sealing: key 0 is not", "with its id as prefix"}},
		"second key of a MAC":  {func(f *file) { f.Sealing = rotate(t, f.Sealing, mac.HMACSHA256Tag128KeyTemplate()) }, [2]string{"sealing: key 1 is not", "remove it"}},
		"signing by ECDSA":     {func(f *file) { f.Signing = made(t, signature.ECDSAP256KeyTemplate()) }, [2]string{"signing: key 0 is not a Tink Ed25519 key", "remove it"}},
		"signing without id":   {func(f *file) { f.Signing = made(t, signature.ED25519KeyWithoutPrefixTemplate()) }, [2]string{"signing: key 0 is not", "with its id as prefix"}},
		"too many keys": {func(f *file) {
			for range seal.MaxKeys {
				f.Sealing = rotate(t, f.Sealing, aead.AES256GCMKeyTemplate())
			}
		}, [2]string{"sealing: has 33 keys and 32", "remove the oldest"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, path := createKeyset(t)
			change(t, path, c.edit)
			_, err := seal.LoadKeyset(t.Context(), path, nil)
			wantError(t, err, nil, "load keyset: "+path+": ", c.want[0], c.want[1])
		})
	}
}

func TestDamagedKeysetFilesAreRefused(t *testing.T) {
	_, path := createKeyset(t)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for n := range len(bytes.TrimSpace(whole)) {
		if err := os.WriteFile(path, whole[:n], 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := seal.LoadKeyset(t.Context(), path, nil)
		wantError(t, err, io.ErrUnexpectedEOF, path, "restore it from a backup")
	}
	unknown := bytes.Replace(whole, []byte(`"version"`), []byte(`"colour": 1, "version"`), 1)
	if err := os.WriteFile(path, unknown, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = seal.LoadKeyset(t.Context(), path, nil)
	wantError(t, err, nil, path, `unknown field "colour"`, "remove it")

	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	_, err = seal.LoadKeyset(t.Context(), path, nil)
	wantError(t, err, secretfile.ErrTooWide, path, "chmod 640")

	_, err = seal.LoadKeyset(t.Context(), path+".lost", nil)
	wantError(t, err, fs.ErrNotExist, path+".lost", "restore it from a backup")
}

// TestAMaimedKeyIsNotQuoted breaks the key material itself: what cannot be
// read must not stand in the error.
func TestAMaimedKeyIsNotQuoted(t *testing.T) {
	const material = "hunter2hunter2!"
	_, path := createKeyset(t)
	change(t, path, func(f *file) {
		var ring struct {
			Primary uint32 `json:"primaryKeyId"`
			Key     []struct {
				Data   map[string]string `json:"keyData"`
				Status string            `json:"status"`
				ID     uint32            `json:"keyId"`
				Prefix string            `json:"outputPrefixType"`
			} `json:"key"`
		}
		if err := json.Unmarshal(f.Sealing, &ring); err != nil {
			t.Fatal(err)
		}
		ring.Key[0].Data["value"] = material
		var err error
		if f.Sealing, err = json.Marshal(ring); err != nil {
			t.Fatal(err)
		}
	})
	_, err := seal.LoadKeyset(t.Context(), path, nil)
	wantError(t, err, nil, path, "sealing: is not a Tink keyset")
	if strings.Contains(err.Error(), "hunter2") {
		t.Error("the error quotes key material")
	}
}

func TestAKeysetShowsNothingOfItself(t *testing.T) {
	k, path := createKeyset(t)
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		fmt.Fprintf(&out, verb, k)
	}
	slog.New(slog.NewJSONHandler(&out, nil)).Info("keyset", slog.Any("keyset", k))
	if err := json.NewEncoder(&out).Encode(k); err != nil {
		t.Fatal(err)
	}
	out.WriteString(k.String() + k.GoString())
	if got := strings.Count(out.String(), "[redacted]"); got != 11 {
		t.Errorf("redacted %d times of 11: %s", got, out.String())
	}
	keys := regexp.MustCompile(`"value": *"([^"]+)"`).FindAllSubmatch(content, -1)
	if len(keys) != 2 {
		t.Fatalf("found %d keys in the file, want 2", len(keys))
	}
	for _, key := range keys {
		if bytes.Contains(out.Bytes(), key[1]) {
			t.Error("a key is shown")
		}
	}
}

// wantError demands an error that wraps cause (if not nil) and says all parts.
func wantError(t *testing.T, err, cause error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Fatal("no error")
	}
	if cause != nil && !errors.Is(err, cause) {
		t.Fatalf("error %q does not wrap %q", err, cause)
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Fatalf("error %q does not say %q", err, part)
		}
	}
}
