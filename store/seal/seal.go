package seal

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strconv"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/signature"
	tinkEd25519 "github.com/tink-crypto/tink-go/v2/signature/ed25519"
	"github.com/tink-crypto/tink-go/v2/tink"
)

// MaxPlain is the largest text that is sealed, in bytes.
const MaxPlain = 1 << 20

// Overhead is by how much sealing lengthens a text, in bytes: the id of the
// key (5), the nonce (12) and the tag (16).
const Overhead = 5 + 12 + 16

var (
	// ErrSealBroken means that sealed data does not open: it was changed or
	// cut, is not where it was sealed for, or no key of the keyset fits. Which
	// of these cannot be told.
	ErrSealBroken = errors.New("sealed data was changed or moved, or belongs to another keyset")
	// ErrSignatureBroken means that a signature does not fit: message or
	// signature were changed, or no key of the keyset made it.
	ErrSignatureBroken = errors.New("signature does not fit the message, or belongs to another keyset")
)

// Keyset seals and signs for the control plane. See the package comment.
type Keyset struct {
	deployment [32]byte
	sealing    *keyset.Handle
	signing    *keyset.Handle
	kms        string               // URI of the key that encrypts the file; "" for none
	master     tink.AEADWithContext // that key

	aead     tink.AEAD
	signer   tink.Signer
	verifier tink.Verifier
}

// NewKeyset makes the keyset of a new deployment, in memory only; see
// [CreateKeyset]. Tink takes the randomness from the operating system itself,
// so this takes no source.
func NewKeyset() (*Keyset, error) {
	sealing, err := keyset.NewHandle(aead.AES256GCMKeyTemplate())
	if err != nil {
		return nil, fmt.Errorf("make keyset: sealing: %w", err)
	}
	signing, err := keyset.NewHandle(signature.ED25519KeyTemplate())
	if err != nil {
		return nil, fmt.Errorf("make keyset: signing: %w", err)
	}
	return assemble(newDeployment(), sealing, signing)
}

// assemble checks both keysets and makes them ready for use.
func assemble(deployment [32]byte, sealing, signing *keyset.Handle) (*Keyset, error) {
	if err := checkSealing(sealing); err != nil {
		return nil, fmt.Errorf("sealing: %w", err)
	}
	if err := checkSigning(signing); err != nil {
		return nil, fmt.Errorf("signing: %w", err)
	}
	k := &Keyset{deployment: deployment, sealing: sealing, signing: signing}
	var err error
	if k.aead, err = aead.New(sealing); err != nil {
		return nil, fmt.Errorf("sealing: %w", err)
	}
	if k.signer, err = signature.NewSigner(signing); err != nil {
		return nil, fmt.Errorf("signing: %w", err)
	}
	public, err := signing.Public()
	if err != nil {
		return nil, fmt.Errorf("signing: %w", err)
	}
	if k.verifier, err = signature.NewVerifier(public); err != nil {
		return nil, fmt.Errorf("signing: %w", err)
	}
	return k, nil
}

// Seal encrypts plain, at most [MaxPlain] bytes, and binds it to associated,
// which says where it belongs and must not be empty.
func (k *Keyset) Seal(plain, associated []byte) ([]byte, error) {
	if len(plain) > MaxPlain {
		return nil, fmt.Errorf("seal: %d bytes are more than %d; store less", len(plain), MaxPlain)
	}
	if len(associated) == 0 {
		return nil, errors.New("seal: no associated data; say where the sealed data belongs")
	}
	sealed, err := k.aead.Encrypt(plain, associated)
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	return sealed, nil
}

// Open decrypts what [Keyset.Seal] made with the same associated data, under
// the primary key or an older one. The error is [ErrSealBroken].
func (k *Keyset) Open(sealed, associated []byte) ([]byte, error) {
	if len(sealed) < Overhead || len(sealed) > MaxPlain+Overhead || len(associated) == 0 {
		return nil, fmt.Errorf("open: %w", ErrSealBroken)
	}
	plain, err := k.aead.Decrypt(sealed, associated)
	if err != nil {
		return nil, fmt.Errorf("open: %w", ErrSealBroken)
	}
	return plain, nil
}

// Sign signs a message with the primary signing key.
func (k *Keyset) Sign(message []byte) ([]byte, error) {
	signed, err := k.signer.Sign(message)
	if err != nil {
		return nil, fmt.Errorf("sign: %w", err)
	}
	return signed, nil
}

// Verify checks that a signature of this keyset, by the primary signing key or
// an older one, fits the message. The error is [ErrSignatureBroken].
func (k *Keyset) Verify(sig, message []byte) error {
	if err := k.verifier.Verify(sig, message); err != nil {
		return fmt.Errorf("verify: %w", ErrSignatureBroken)
	}
	return nil
}

// PublicKeys are the public halves of the signing keys, the old ones too: a PEM
// block of each, with its id, by which a signature names it. They verify and
// cannot sign, so they are for everybody.
func (k *Keyset) PublicKeys() ([]byte, error) {
	public, err := k.signing.Public()
	if err != nil {
		return nil, fmt.Errorf("public keys: %w", err)
	}
	var out []byte
	for i := range public.Len() {
		entry, err := public.Entry(i)
		if err != nil {
			return nil, fmt.Errorf("public keys: %w", err)
		}
		key, ok := entry.Key().(*tinkEd25519.PublicKey)
		if !ok {
			return nil, fmt.Errorf("public keys: key %d is not Ed25519", i)
		}
		der, err := x509.MarshalPKIXPublicKey(ed25519.PublicKey(key.KeyBytes()))
		if err != nil {
			return nil, fmt.Errorf("public keys: %w", err)
		}
		id := strconv.FormatUint(uint64(entry.KeyID()), 10)
		out = append(out, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Headers: map[string]string{"Credence-Key-Id": id}, Bytes: der})...)
	}
	return out, nil
}

// Fingerprint names the deployment, publicly: 32 hexadecimal digits from which
// no key can be found. It stays the same while keys rotate.
func (k *Keyset) Fingerprint() string {
	mac := hmac.New(sha256.New, k.deployment[:])
	mac.Write([]byte("credence keyset fingerprint 1"))
	return hex.EncodeToString(mac.Sum(nil)[:16])
}

const redacted = "[redacted]"

// String redacts.
func (*Keyset) String() string { return redacted }

// GoString redacts.
func (*Keyset) GoString() string { return redacted }

// Format redacts for every verb.
func (*Keyset) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// LogValue redacts.
func (*Keyset) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalJSON redacts: only [Keyset.Save] writes keys.
func (*Keyset) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }
