package store_test

import (
	"slices"
	"testing"

	"credence/store"
)

// TestAStateIsLookedForOnlyWhereACredentialCanHaveIt: else every page would
// read all credentials of the other systems to find none.
func TestAStateIsLookedForOnlyWhereACredentialCanHaveIt(t *testing.T) {
	for state, want := range map[string][]store.System{
		"active":    {store.SystemCredence, store.SystemGitea, store.SystemN8N},
		"suspended": {store.SystemCredence},
		"widened":   {store.SystemGitea, store.SystemN8N},
		"rotating":  {store.SystemN8N},
		"purged":    nil,
	} {
		filter := store.InventoryFilter{State: state}
		for _, system := range store.Systems() {
			looked := filter.Has(system)
			if wanted := slices.Contains(want, system); looked != wanted {
				t.Errorf("%s is looked for in %s: %t, want %t", state, system, looked, wanted)
			}
		}
	}
}
