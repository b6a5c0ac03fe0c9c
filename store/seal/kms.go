package seal

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/tink-crypto/tink-go/v2/core/registry"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/tink"
)

// masterOf is the key of a key management service that encrypts the keysets of
// a file. Tink's registry knows the clients that the program was built with.
func masterOf(uri string) (tink.AEAD, error) {
	client, err := registry.GetKMSClient(uri)
	if err != nil {
		return nil, fmt.Errorf("kms: this program has no client for %q", uri)
	}
	master, err := client.GetAEAD(uri)
	if err != nil {
		return nil, fmt.Errorf("kms: %q: %w", uri, err)
	}
	return master, nil
}

// encrypted is a keyset in Tink's JSON form of encrypted ones.
func encrypted(handle *keyset.Handle, master tink.AEAD) (json.RawMessage, error) {
	var out bytes.Buffer
	err := handle.Write(keyset.NewJSONWriter(&out), master)
	return out.Bytes(), err
}

// readEncrypted reads what encrypted wrote. What the service says is told: it is
// the one thing that can be mended, and holds no key.
func readEncrypted(content json.RawMessage, master tink.AEAD) (*keyset.Handle, error) {
	handle, err := keyset.Read(keyset.NewJSONReader(bytes.NewReader(content)), master)
	if err != nil {
		return nil, fmt.Errorf("cannot be decrypted by the key of kms: %w; give this process the right to use it, or %s", err, restore)
	}
	return handle, nil
}
