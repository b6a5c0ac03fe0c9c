package seal

import (
	"context"
	"errors"
	"fmt"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/keyset"
	tinkpb "github.com/tink-crypto/tink-go/v2/proto/tink_go_proto"
	"github.com/tink-crypto/tink-go/v2/signature"
)

// Grown answers the keyset with a new sealing and a new signing key. They open
// and verify already, but the old ones still seal and sign: so every process can
// get them before anybody uses them.
func (k *Keyset) Grown() (*Keyset, error) {
	sealing, err := grown(k.sealing, aead.AES256GCMKeyTemplate())
	if err != nil {
		return nil, fmt.Errorf("rotate keyset: sealing: %w", err)
	}
	signing, err := grown(k.signing, signature.ED25519KeyTemplate())
	if err != nil {
		return nil, fmt.Errorf("rotate keyset: signing: %w", err)
	}
	return k.with(sealing, signing)
}

// errGrown: growing once more would leave a key behind that never was used.
var errGrown = errors.New("has a new key already that does not seal or sign yet; promote it first")

func grown(handle *keyset.Handle, kind *tinkpb.KeyTemplate) (*keyset.Handle, error) {
	if newest, primary, err := ends(handle); err != nil || newest != primary {
		return nil, errors.Join(err, errGrown)
	}
	m := keyset.NewManagerFromHandle(handle)
	if _, err := m.Add(kind); err != nil {
		return nil, err
	}
	return m.Handle()
}

// Promoted answers the keyset with its newest keys sealing and signing from now
// on. The older ones stay: entries that they sealed are read with them.
func (k *Keyset) Promoted() (*Keyset, error) {
	sealing, err := promoted(k.sealing)
	if err != nil {
		return nil, fmt.Errorf("rotate keyset: sealing: %w", err)
	}
	signing, err := promoted(k.signing)
	if err != nil {
		return nil, fmt.Errorf("rotate keyset: signing: %w", err)
	}
	return k.with(sealing, signing)
}

var errPromoted = errors.New("its newest key seals or signs already; add a new one first")

func promoted(handle *keyset.Handle) (*keyset.Handle, error) {
	newest, primary, err := ends(handle)
	if err != nil || newest == primary {
		return nil, errors.Join(err, errPromoted)
	}
	m := keyset.NewManagerFromHandle(handle)
	if err := m.SetPrimary(newest); err != nil {
		return nil, err
	}
	return m.Handle()
}

// ends are the ids of the newest key, which is the last, and of the primary one.
func ends(handle *keyset.Handle) (newest, primary uint32, err error) {
	last, err := handle.Entry(handle.Len() - 1)
	if err != nil {
		return 0, 0, err
	}
	first, err := handle.Primary()
	if err != nil {
		return 0, 0, err
	}
	return last.KeyID(), first.KeyID(), nil
}

// Master is the URI of the key of a key management service that encrypts the
// file; "" for none.
func (k *Keyset) Master() string { return k.kms }

// Rewrapped answers the same keyset to be saved under another key of a service
// (kms, "" for none), which has then opened again what it encrypted. The keys in
// it are the same, so whoever has the old file reads what this one seals.
func (k *Keyset) Rewrapped(ctx context.Context, kms string, masters Masters) (*Keyset, error) {
	other, err := k.with(k.sealing, k.signing)
	if err != nil {
		return nil, err
	}
	other.kms, other.master = kms, nil
	if kms != "" {
		if other.master, err = masters.of(ctx, kms); err != nil {
			return nil, fmt.Errorf("rewrap keyset: %w", err)
		}
	}
	if _, err := other.file(ctx); err != nil {
		return nil, fmt.Errorf("rewrap keyset: %w", err)
	}
	return other, nil
}

// with is the same deployment's keyset with other keys.
func (k *Keyset) with(sealing, signing *keyset.Handle) (*Keyset, error) {
	other, err := assemble(k.deployment, sealing, signing)
	if err != nil {
		return nil, fmt.Errorf("rotate keyset: %w", err)
	}
	other.kms, other.master = k.kms, k.master
	return other, nil
}
