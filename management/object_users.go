package management

import (
	"context"
	"fmt"

	"credence/store"
)

// namedUsers is how many keys a refusal to delete something names.
const namedUsers = 20

// unused is nil when no key is listed by the filter; else the refusal to delete
// what these keys need, which names them. rest says how a key can do without.
func (t *transaction) unused(ctx context.Context, what string, f store.KeyFilter, rest string) error {
	keys, next, err := t.Keys(ctx, f, store.Page{Limit: namedUsers})
	if err != nil || len(keys) == 0 {
		return err
	}
	e := refuse(CodeInUse, "%s: still in use by these keys", what)
	for i := range keys {
		e.Fields = append(e.Fields, FieldError{
			Field: keys[i].KeyID, Problem: fmt.Sprintf("key %s, %s, needs it", quoted(keys[i].Name), keys[i].Status),
			Remedy: rest + ", or purge the key once it is revoked",
		})
	}
	if next != "" {
		e.Message = what + ": still in use by these keys, and by more"
	}
	return e
}
