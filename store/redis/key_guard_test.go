package redis

import (
	"fmt"
	"testing"

	"credence/store"
)

// A replica that has not noticed that a backup was restored reads records of
// another history than the one it follows.
func TestARecordThatWasReadFromARestoredBackupBeforeThatWasNoticedIsNotShared(t *testing.T) {
	t.Parallel()
	g := newKeyGuard(&history{}, 8)
	at := func(r store.Revision) store.Position { return store.Position{Revision: r, ID: fmt.Sprintf("c%d", r)} }
	for r := range store.Revision(3) {
		p := at(r + 1)
		if err := g.Apply(t.Context(), []store.Change{{Revision: p.Revision, ID: p.ID, Kind: store.ChangeBlacklist}}); err != nil {
			t.Fatal(err)
		}
	}
	record := &store.KeyRecord{Key: store.Key{KeyID: "key_1", Namespace: store.DefaultNamespace}}
	if !g.settled(record, at(2), at(3)) {
		t.Error("what was read while the feed went on is not believed")
	}
	if g.settled(record, at(3), at(2)) {
		t.Error("what was read when the head lay before what the reader had applied is believed")
	}
}
