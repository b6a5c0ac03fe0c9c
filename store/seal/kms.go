package seal

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/tink"
)

// Masters finds the key of a key management service that a URI names. Package
// credence/store/kms has the services that the program knows; nil knows none.
type Masters func(ctx context.Context, uri string) (tink.AEADWithContext, error)

func (m Masters) of(ctx context.Context, uri string) (tink.AEADWithContext, error) {
	if m == nil {
		return nil, fmt.Errorf("kms: %q: this program asks no key management service", uri)
	}
	master, err := m(ctx, uri)
	if err != nil {
		return nil, fmt.Errorf("kms: %w", err)
	}
	return master, nil
}

// encrypted is a keyset in Tink's JSON form of encrypted ones.
func encrypted(ctx context.Context, handle *keyset.Handle, master tink.AEADWithContext) (json.RawMessage, error) {
	var out bytes.Buffer
	asked := &asked{AEADWithContext: master}
	if err := handle.WriteWithContext(ctx, keyset.NewJSONWriter(&out), asked, nil); err != nil {
		return nil, asked.reason(err)
	}
	return out.Bytes(), nil
}

// readEncrypted reads what encrypted wrote.
func readEncrypted(ctx context.Context, content json.RawMessage, master tink.AEADWithContext) (*keyset.Handle, error) {
	asked := &asked{AEADWithContext: master}
	handle, err := keyset.ReadWithContext(ctx, keyset.NewJSONReader(bytes.NewReader(content)), asked, nil)
	if err != nil {
		return nil, asked.reason(fmt.Errorf("is no encrypted Tink keyset, or not what the key of kms was given: %w; %s", err, restore))
	}
	return handle, nil
}

// asked keeps what the service said: Tink hands on its text alone.
type asked struct {
	tink.AEADWithContext
	said error
}

// errNotBack keeps a keyset from being written that nothing would open again.
var errNotBack = errors.New("what the key has encrypted does not decrypt to what it was: nothing was written")

// EncryptWithContext implements [tink.AEADWithContext]. It sees that the text
// opens again: a keyset that does not is lost.
func (a *asked) EncryptWithContext(ctx context.Context, plain, associated []byte) (out []byte, err error) {
	var back []byte
	if out, a.said = a.AEADWithContext.EncryptWithContext(ctx, plain, associated); a.said == nil {
		back, a.said = a.AEADWithContext.DecryptWithContext(ctx, out, associated)
	}
	if a.said == nil && !bytes.Equal(back, plain) {
		a.said = errNotBack
	}
	return out, a.said
}

// DecryptWithContext implements [tink.AEADWithContext].
func (a *asked) DecryptWithContext(ctx context.Context, text, associated []byte) (out []byte, err error) {
	out, a.said = a.AEADWithContext.DecryptWithContext(ctx, text, associated)
	return out, a.said
}

// reason is what the service said, or else the error that came after. It is
// the one thing that can be mended, and holds no key.
func (a *asked) reason(otherwise error) error {
	if a.said != nil {
		return fmt.Errorf("kms: %w", a.said)
	}
	return otherwise
}
