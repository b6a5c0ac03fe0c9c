package seal

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/tink-crypto/tink-go/v2/aead/aesgcm"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/signature/ed25519"
	"github.com/tink-crypto/tink-go/v2/tink"

	"credence/store/secretfile"
)

// MaxKeys is the largest number of keys of one keyset.
const MaxKeys = 32

const keysetVersion = 1

const restore = "restore the file from a backup"

// keysetFile is keyset.json as it is written.
type keysetFile struct {
	Version    int             `json:"version"`
	Deployment string          `json:"deployment"`
	KMS        string          `json:"kms,omitempty"` // URI of the key that encrypts both; "" for cleartext
	Sealing    json.RawMessage `json:"sealing"`
	Signing    json.RawMessage `json:"signing"`
}

// LoadKeyset reads keyset.json, and asks masters for the key of a service when
// one encrypts it. Every error names the file, the field and the remedy, and
// shows no key; a lost file is an [io/fs.ErrNotExist].
func LoadKeyset(ctx context.Context, path string, masters Masters) (*Keyset, error) {
	content, err := secretfile.Read(path)
	if err != nil {
		return nil, fmt.Errorf("load keyset: %w", err)
	}
	return ParseKeyset(ctx, path, content, masters)
}

// ParseKeyset is [LoadKeyset] of content that comes from elsewhere; errors call
// it by the name.
func ParseKeyset(ctx context.Context, path string, content []byte, masters Masters) (*Keyset, error) {
	var file keysetFile
	if err := secretfile.Decode(path, content, &file); err != nil {
		return nil, fmt.Errorf("load keyset: %w", err)
	}
	k, err := file.keyset(ctx, masters)
	if err != nil {
		return nil, fmt.Errorf("load keyset: %s: %w", path, err)
	}
	return k, nil
}

// CreateKeyset makes the keyset of a new deployment and writes it to a new file
// of mode 0600, durably. A file that is there is never overwritten: the error
// is then an [io/fs.ErrExist]. kms is the URI of a key of a service that is to
// encrypt the file ("aws-kms://..."); "" writes it in cleartext.
func CreateKeyset(ctx context.Context, path, kms string, masters Masters) (*Keyset, error) {
	k, err := NewKeyset()
	if err != nil {
		return nil, err
	}
	if kms != "" {
		k.kms = kms
		if k.master, err = masters.of(ctx, kms); err != nil {
			return nil, fmt.Errorf("create keyset: %w", err)
		}
	}
	if err := k.Save(ctx, path); err != nil {
		return nil, fmt.Errorf("create keyset: %w", err)
	}
	return k, nil
}

// Save writes the keyset to a new file, as [CreateKeyset] does, under the key
// that it was loaded or made with.
func (k *Keyset) Save(ctx context.Context, path string) error {
	content, err := k.file(ctx)
	if err != nil {
		return err
	}
	return secretfile.Create(path, content)
}

func newDeployment() (deployment [32]byte) {
	_, _ = rand.Read(deployment[:]) // never fails, by its documentation
	return deployment
}

func (k *Keyset) file(ctx context.Context) ([]byte, error) {
	written := cleartext
	if k.kms != "" {
		written = func(handle *keyset.Handle) (json.RawMessage, error) { return encrypted(ctx, handle, k.master) }
	}
	sealing, err := written(k.sealing)
	if err != nil {
		return nil, fmt.Errorf("sealing: %w", err)
	}
	signing, err := written(k.signing)
	if err != nil {
		return nil, fmt.Errorf("signing: %w", err)
	}
	content, err := json.MarshalIndent(keysetFile{
		Version:    keysetVersion,
		KMS:        k.kms,
		Deployment: base64.StdEncoding.EncodeToString(k.deployment[:]),
		Sealing:    sealing,
		Signing:    signing,
	}, "", "  ")
	return append(content, '\n'), err
}

// cleartext is a keyset in Tink's JSON form. The file is what protects it.
func cleartext(handle *keyset.Handle) (json.RawMessage, error) {
	var out bytes.Buffer
	err := insecurecleartextkeyset.Write(handle, keyset.NewJSONWriter(&out))
	return out.Bytes(), err
}

func (f *keysetFile) keyset(ctx context.Context, masters Masters) (*Keyset, error) {
	if f.Version != keysetVersion {
		return nil, fmt.Errorf("version: is %d and this program reads %d; use the program that wrote the file", f.Version, keysetVersion)
	}
	raw, err := base64.StdEncoding.Strict().DecodeString(f.Deployment)
	if err != nil || len(raw) != 32 {
		return nil, errors.New("deployment: is not the base64 of 32 bytes; " + restore)
	}
	read, master := readKeyset, tink.AEADWithContext(nil)
	if f.KMS != "" {
		if master, err = masters.of(ctx, f.KMS); err != nil {
			return nil, err
		}
		read = func(content json.RawMessage) (*keyset.Handle, error) { return readEncrypted(ctx, content, master) }
	}
	sealing, err := read(f.Sealing)
	if err != nil {
		return nil, fmt.Errorf("sealing: %w", err)
	}
	signing, err := read(f.Signing)
	if err != nil {
		return nil, fmt.Errorf("signing: %w", err)
	}
	k, err := assemble([32]byte(raw), sealing, signing)
	if err != nil {
		return nil, err
	}
	k.kms, k.master = f.KMS, master
	return k, nil
}

// readKeyset reads a keyset in Tink's JSON form. Tink's own error is left out:
// it may quote what it could not read, and that is key material.
func readKeyset(content json.RawMessage) (*keyset.Handle, error) {
	handle, err := insecurecleartextkeyset.Read(keyset.NewJSONReader(bytes.NewReader(content)))
	if err != nil {
		return nil, errors.New("is not a Tink keyset with a primary key; " + restore)
	}
	return handle, nil
}

// checkSealing demands AES-256-GCM keys that put their id in front.
func checkSealing(handle *keyset.Handle) error {
	return eachKey(handle, func(entry *keyset.Entry) bool {
		key, ok := entry.Key().(*aesgcm.Key)
		if !ok {
			return false
		}
		parameters, ok := key.Parameters().(*aesgcm.Parameters)
		return ok && parameters.KeySizeInBytes() == 32 && parameters.Variant() == aesgcm.VariantTink
	}, "AES-256-GCM")
}

// checkSigning demands Ed25519 private keys that put their id in front.
func checkSigning(handle *keyset.Handle) error {
	return eachKey(handle, func(entry *keyset.Entry) bool {
		key, ok := entry.Key().(*ed25519.PrivateKey)
		if !ok {
			return false
		}
		parameters, ok := key.Parameters().(*ed25519.Parameters)
		return ok && parameters.Variant() == ed25519.VariantTink
	}, "Ed25519")
}

func eachKey(handle *keyset.Handle, fits func(*keyset.Entry) bool, kind string) error {
	if handle.Len() > MaxKeys {
		return fmt.Errorf("has %d keys and %d can be; remove the oldest that nothing needs", handle.Len(), MaxKeys)
	}
	for i := range handle.Len() {
		entry, err := handle.Entry(i)
		if err != nil {
			return fmt.Errorf("key %d: %w", i, err)
		}
		if !fits(entry) {
			return fmt.Errorf("key %d is not a Tink %s key with its id as prefix; remove it, or %s", i, kind, restore)
		}
	}
	return nil
}
