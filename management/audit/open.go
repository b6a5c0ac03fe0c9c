package audit

import (
	"encoding/json"
	"errors"
	"fmt"

	"credence/store"
)

// opener decrypts what a [store.Sealer] sealed. Package store/seal fulfils it.
type opener interface {
	Open(sealed, associated []byte) ([]byte, error)
}

// errNotJSON: the keyset opened the details, but they are not what InTx seals.
var errNotJSON = errors.New("are not JSON")

// Open answers the details of an entry as JSON; nil when it has none.
func Open(keyset opener, e *store.AuditEntry) (json.RawMessage, error) {
	if len(e.Details) == 0 {
		return nil, nil
	}
	plain, err := keyset.Open(e.Details, store.AuditAssociatedData(e.Namespace, e.Sequence))
	if err != nil {
		return nil, fmt.Errorf("details of audit entry %d of %q: %w", e.Sequence, e.Namespace, err)
	}
	if !json.Valid(plain) {
		return nil, fmt.Errorf("details of audit entry %d of %q: %w", e.Sequence, e.Namespace, errNotJSON)
	}
	return plain, nil
}
