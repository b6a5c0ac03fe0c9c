package seal_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/core/registry"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/tink"

	"credence/store/seal"
)

func TestAKeysetIsRotatedInTwoStepsAndOldEntriesStayReadable(t *testing.T) {
	old := newKeyset(t)
	before := sealed(t, old, []byte("before"), []byte("here"))
	signature, err := old.Sign([]byte("checkpoint"))
	must(t, err)

	grown, err := old.Grown()
	must(t, err)
	// The old keys still work: a process that has not got the file yet reads
	// what the others write.
	if _, err := old.Open(sealed(t, grown, []byte("between"), []byte("here")), []byte("here")); err != nil {
		t.Error("a process with the old file cannot read what one with the grown file sealed")
	}
	promoted, err := grown.Promoted()
	must(t, err)
	after := sealed(t, promoted, []byte("after"), []byte("here"))
	if bytes.Equal(after[:5], before[:5]) {
		t.Error("the old key still seals")
	}
	if plain, err := grown.Open(after, []byte("here")); err != nil || string(plain) != "after" {
		t.Error("a process that has the grown file cannot read what the promoted key sealed")
	}
	wantBroken(t, old, after, []byte("here"), "sealed by a key that the old file does not hold")
	if plain, err := promoted.Open(before, []byte("here")); err != nil || string(plain) != "before" {
		t.Error("an old entry is not readable")
	}
	must(t, promoted.Verify(signature, []byte("checkpoint")))
	for _, k := range []*seal.Keyset{grown, promoted} {
		if k.Fingerprint() != old.Fingerprint() {
			t.Error("the database would not know the file any more")
		}
	}
	if keys, err := promoted.PublicKeys(); err != nil || bytes.Count(keys, []byte("BEGIN PUBLIC KEY")) != 2 {
		t.Errorf("public keys: %v", err)
	}
}

func TestTheStepsOfARotationComeInOrder(t *testing.T) {
	k := newKeyset(t)
	if _, err := k.Promoted(); err == nil || !strings.Contains(err.Error(), "add a new one first") {
		t.Errorf("promoted without a new key: %v", err)
	}
	grown, err := k.Grown()
	must(t, err)
	if _, err := grown.Grown(); err == nil || !strings.Contains(err.Error(), "promote it first") {
		t.Errorf("grown twice: %v", err)
	}
}

// vault is a key management service in memory.
type vault struct {
	master  tink.AEAD
	refuses error
}

func (v *vault) Supported(uri string) bool { return strings.HasPrefix(uri, "test-kms://") }

func (v *vault) GetAEAD(string) (tink.AEAD, error) { return v, nil }

func (v *vault) Encrypt(plain, associated []byte) ([]byte, error) {
	return v.master.Encrypt(plain, associated)
}

func (v *vault) Decrypt(sealed, associated []byte) ([]byte, error) {
	if v.refuses != nil {
		return nil, v.refuses
	}
	return v.master.Decrypt(sealed, associated)
}

func TestAKeysetUnderAKeyOfAServiceOpensWithTheServiceOnly(t *testing.T) {
	handle, err := keyset.NewHandle(aead.AES256GCMKeyTemplate())
	must(t, err)
	master, err := aead.New(handle)
	must(t, err)
	service := &vault{master: master}
	registry.RegisterKMSClient(service)
	t.Cleanup(registry.ClearKMSClients)
	path := filepath.Join(t.TempDir(), "keyset.json")
	k, err := seal.CreateKeysetUnder(path, "test-kms://audit")
	must(t, err)
	content, err := os.ReadFile(path)
	must(t, err)
	if !bytes.Contains(content, []byte("encryptedKeyset")) || bytes.Contains(content, []byte(`"value"`)) {
		t.Errorf("the file is not encrypted: %s", content)
	}
	loaded := loadKeyset(t, path)
	data := sealed(t, k, []byte("details"), []byte("here"))
	if plain, err := loaded.Open(data, []byte("here")); err != nil || string(plain) != "details" || loaded.Fingerprint() != k.Fingerprint() {
		t.Errorf("opened %q, %v", plain, err)
	}
	// Rotated, it is still under that key.
	grown, err := loaded.Grown()
	must(t, err)
	must(t, grown.Save(path+".new"))
	content, err = os.ReadFile(path + ".new")
	must(t, err)
	if !bytes.Contains(content, []byte("encryptedKeyset")) || bytes.Contains(content, []byte(`"value"`)) {
		t.Error("the rotated file is not encrypted")
	}
	service.refuses = errors.New("access denied for role x")
	_, err = seal.LoadKeyset(path)
	wantError(t, err, nil, path, "access denied for role x", "right to use it")
	registry.ClearKMSClients()
	_, err = seal.LoadKeyset(path)
	wantError(t, err, nil, path, "no client", "test-kms://audit")
}

func TestAKeysetIsReadFromContentAsFromAFile(t *testing.T) {
	k, path := createKeyset(t)
	content, err := os.ReadFile(path)
	must(t, err)
	parsed, err := seal.ParseKeyset("env:KEYSET", content)
	must(t, err)
	if parsed.Fingerprint() != k.Fingerprint() {
		t.Error("another keyset")
	}
	_, err = seal.ParseKeyset("env:KEYSET", content[:20])
	wantError(t, err, nil, "env:KEYSET")
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
