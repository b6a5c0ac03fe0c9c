package seal_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tink-crypto/tink-go/v2/aead"
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
	garbage []byte // answered instead of what was decrypted
}

func (v *vault) masters(_ context.Context, uri string) (tink.AEADWithContext, error) {
	if uri != "test-kms://audit" {
		return nil, fmt.Errorf("%q is of no service", uri)
	}
	return v, nil
}

func (v *vault) EncryptWithContext(_ context.Context, plain, associated []byte) ([]byte, error) {
	if v.refuses != nil {
		return nil, v.refuses
	}
	return v.master.Encrypt(plain, associated)
}

func (v *vault) DecryptWithContext(_ context.Context, text, associated []byte) ([]byte, error) {
	if v.refuses != nil || v.garbage != nil {
		return v.garbage, v.refuses
	}
	return v.master.Decrypt(text, associated)
}

func newVault(t *testing.T) *vault {
	t.Helper()
	handle, err := keyset.NewHandle(aead.AES256GCMKeyTemplate())
	must(t, err)
	master, err := aead.New(handle)
	must(t, err)
	return &vault{master: master}
}

func TestAKeysetUnderAKeyOfAServiceOpensWithTheServiceOnly(t *testing.T) {
	service := newVault(t)
	path := filepath.Join(t.TempDir(), "keyset.json")
	k, err := seal.CreateKeyset(t.Context(), path, "test-kms://audit", service.masters)
	must(t, err)
	content, err := os.ReadFile(path)
	must(t, err)
	if !bytes.Contains(content, []byte("encryptedKeyset")) || bytes.Contains(content, []byte(`"value"`)) {
		t.Errorf("the file is not encrypted: %s", content)
	}
	loaded, err := seal.LoadKeyset(t.Context(), path, service.masters)
	must(t, err)
	data := sealed(t, k, []byte("details"), []byte("here"))
	if plain, err := loaded.Open(data, []byte("here")); err != nil || string(plain) != "details" || loaded.Fingerprint() != k.Fingerprint() {
		t.Errorf("opened %q, %v", plain, err)
	}
	// Rotated, it is still under that key.
	grown, err := loaded.Grown()
	must(t, err)
	must(t, grown.Save(t.Context(), path+".new"))
	content, err = os.ReadFile(path + ".new")
	must(t, err)
	if !bytes.Contains(content, []byte("encryptedKeyset")) || bytes.Contains(content, []byte(`"value"`)) {
		t.Error("the rotated file is not encrypted")
	}
	_, err = seal.LoadKeyset(t.Context(), path, nil)
	wantError(t, err, nil, path, "asks no key management service", "test-kms://audit")
}

func TestWhatAServiceSaysIsTold(t *testing.T) {
	service := newVault(t)
	path := filepath.Join(t.TempDir(), "keyset.json")
	_, err := seal.CreateKeyset(t.Context(), path, "test-kms://another", service.masters)
	wantError(t, err, nil, "create keyset: kms: ", "is of no service")
	_, err = seal.CreateKeyset(t.Context(), path, "test-kms://audit", service.masters)
	must(t, err)
	service.refuses = errors.New("access denied for role x")
	_, err = seal.LoadKeyset(t.Context(), path, service.masters)
	wantError(t, err, service.refuses, path, "sealing: kms: access denied for role x")
	_, err = seal.CreateKeyset(t.Context(), path+".2", "test-kms://audit", service.masters)
	wantError(t, err, service.refuses, "sealing: kms: access denied for role x")
	if _, err := os.Stat(path + ".2"); err == nil {
		t.Error("a file that nothing is in")
	}
	service.refuses = nil
	service.garbage = []byte("hunter2hunter2")
	_, err = seal.LoadKeyset(t.Context(), path, service.masters)
	wantError(t, err, nil, path, "sealing: is no encrypted Tink keyset", "restore the file")
	if strings.Contains(err.Error(), "hunter2") {
		t.Errorf("what was decrypted is shown: %v", err)
	}
	_, err = seal.CreateKeyset(t.Context(), path+".2", "test-kms://audit", service.masters)
	wantError(t, err, nil, "does not decrypt to what it was")
	if _, err := os.Stat(path + ".2"); err == nil {
		t.Error("a keyset was written that is lost")
	}
}

func TestAKeysetIsReadFromContentAsFromAFile(t *testing.T) {
	k, path := createKeyset(t)
	content, err := os.ReadFile(path)
	must(t, err)
	parsed, err := seal.ParseKeyset(t.Context(), "env:KEYSET", content, nil)
	must(t, err)
	if parsed.Fingerprint() != k.Fingerprint() {
		t.Error("another keyset")
	}
	_, err = seal.ParseKeyset(t.Context(), "env:KEYSET", content[:20], nil)
	wantError(t, err, nil, "env:KEYSET")
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestAKeysetMovesFromOneKeyOfAServiceToAnotherAndToNone(t *testing.T) {
	one, other := newVault(t), newVault(t)
	both := func(ctx context.Context, uri string) (tink.AEADWithContext, error) {
		if uri == "test-kms://other" {
			return other, nil
		}
		return one.masters(ctx, uri)
	}
	first := newKeyset(t)
	data := sealed(t, first, []byte("before"), []byte("here"))
	k := first
	for i, uri := range []string{"test-kms://audit", "test-kms://other", ""} {
		moved, err := k.Rewrapped(t.Context(), uri, both)
		must(t, err)
		path := filepath.Join(t.TempDir(), fmt.Sprint(i)+".json")
		must(t, moved.Save(t.Context(), path))
		content, err := os.ReadFile(path)
		must(t, err)
		if bytes.Contains(content, []byte("encryptedKeyset")) == (uri == "") || !bytes.Contains(content, []byte(uri)) {
			t.Errorf("under %q the file is %.60s", uri, content)
		}
		k, err = seal.LoadKeyset(t.Context(), path, both)
		must(t, err)
		plain, err := k.Open(data, []byte("here"))
		if err != nil || string(plain) != "before" || k.Fingerprint() != first.Fingerprint() || k.Master() != uri {
			t.Errorf("under %q: opened %q, %v", uri, plain, err)
		}
	}
	other.garbage = []byte("other than it was")
	_, err := k.Rewrapped(t.Context(), "test-kms://other", both)
	wantError(t, err, nil, "rewrap keyset: ", "does not decrypt to what it was")
	other.garbage, other.refuses = nil, errors.New("access denied for role x")
	_, err = k.Rewrapped(t.Context(), "test-kms://other", both)
	wantError(t, err, other.refuses, "rewrap keyset: ", "access denied for role x")
}
