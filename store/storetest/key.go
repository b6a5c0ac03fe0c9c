package storetest

import (
	"context"
	"reflect"
	"slices"
	"strings"
	"time"

	"credence/store"
	"credence/store/credential"
)

func keyPromises() []promise {
	return []promise{
		{"Key", "answers ErrNotFound for an unknown id", func(f *fixture) {
			_, err := f.backend.Key(f.Context(), keyID(1))
			f.refused(err, store.ErrNotFound)
		}},
		{"Key", "finds a purged key", func(f *fixture) {
			f.insertKeys(f.bareKey(1))
			f.do(func(ctx context.Context, tx *store.Tx) error { return tx.PurgeKey(ctx, f.bareKey(1)) })
			equal(f, f.storedKey(1).Status, store.StatusPurged)
		}},
		{"Keys", "answers pages ordered by key id newest first", func(f *fixture) {
			f.insertKeys(f.bareKey(3), f.bareKey(1), f.bareKey(5), f.bareKey(2), f.bareKey(4))
			got := walk(f, 2, func(p store.Page) ([]store.Key, store.Cursor, error) {
				return f.backend.Keys(f.Context(), store.KeyFilter{}, p)
			})
			inOrder(f, names(got, idOfKey), keyID(5), keyID(4), keyID(3), keyID(2), keyID(1))
		}},
		{"Keys", "shows each key once while others are made and purged between its pages", keysPagedAmongWrites},
		{"Keys", "lists purged keys only when asked for them", keysPurged},
		{"Keys", "narrows by each field of the filter", keysFiltered},
		{"CountKeys", "counts what Keys lists on all pages, purged keys only when asked for them", func(f *fixture) {
			f.insertKeys(f.bareKey(1), f.bareKey(2), f.bareKey(3))
			f.do(func(ctx context.Context, tx *store.Tx) error { return tx.PurgeKey(ctx, f.bareKey(2)) })
			for _, c := range []struct {
				status store.Status
				want   int
			}{{"", 2}, {store.StatusActive, 2}, {store.StatusPurged, 1}, {store.StatusRevoked, 0}} {
				n, err := f.backend.CountKeys(f.Context(), store.KeyFilter{Status: c.status})
				f.ok(err)
				equal(f, n, c.want)
			}
		}},
		{"KeySecrets", "names each pair that a key which is neither revoked nor purged needs, once", func(f *fixture) {
			var keys []store.Key
			for i, made := range [][2]string{{"chk_1", ""}, {"chk_1", ""}, {"chk_1", "pep_1"}, {"", ""}, {"chk_2", ""}, {"chk_3", ""}} {
				k := f.bareKey(i + 1)
				k.ChecksumID, k.PepperID = made[0], made[1]
				keys = append(keys, k)
			}
			keys[4].Status = store.StatusRevoked
			f.insertKeys(keys...)
			f.do(func(ctx context.Context, tx *store.Tx) error { return tx.PurgeKey(ctx, keys[5]) })
			got, err := f.backend.KeySecrets(f.Context())
			f.ok(err)
			slices.SortFunc(got, func(a, b store.KeySecret) int {
				return strings.Compare(a.ChecksumID+a.PepperID, b.ChecksumID+b.PepperID)
			})
			equal(f, got, []store.KeySecret{{}, {ChecksumID: "chk_1"}, {ChecksumID: "chk_1", PepperID: "pep_1"}})
		}},
		{"InsertKey", "stores every field", func(f *fixture) {
			f.references()
			k := f.fullKey(1)
			noZeroField(f, k, "LastUsedAt", "LastUsedIP") // which come from usage
			f.insertKeys(k)
			equal(f, f.storedKey(1), k)
		}},
		{"InsertKey", "stores empty lists as nothing", func(f *fixture) {
			f.insertKeys(f.bareKey(1))
			equal(f, f.storedKey(1), f.bareKey(1))
		}},
		{"InsertKey", "answers ErrConflict when the id exists", func(f *fixture) {
			f.insertKeys(f.bareKey(1))
			k := f.bareKey(2)
			k.KeyID = keyID(1)
			f.refused(f.tryInsertKey(k), store.ErrConflict)
		}},
		{"InsertKey", "answers ErrConflict when the hash exists", func(f *fixture) {
			f.insertKeys(f.bareKey(1))
			k := f.bareKey(2)
			k.Hash = keyHash(1)
			f.refused(f.tryInsertKey(k), store.ErrConflict)
		}},
		{"InsertKey", "answers ErrMissingReference when namespace plan or owner does not exist", func(f *fixture) {
			for _, k := range f.dangling(f.bareKey(1)) {
				f.refused(f.tryInsertKey(k), store.ErrMissingReference)
			}
			k := f.bareKey(1)
			k.Namespace = "nobody"
			f.refused(f.tryInsertKey(k), store.ErrMissingReference)
		}},
		{"InsertKeys", "makes all keys, with every field", func(f *fixture) {
			f.references()
			all := []store.Key{f.fullKey(1), f.bareKey(2), f.bareKey(3)}
			f.do(func(ctx context.Context, tx *store.Tx) error { return tx.InsertKeys(ctx, all) })
			for i, k := range all {
				equal(f, f.storedKey(i+1), k)
			}
		}},
		{"InsertKeys", "makes none when one cannot be made", func(f *fixture) {
			f.insertKeys(f.bareKey(1))
			again, dangling := f.bareKey(3), f.dangling(f.bareKey(3))[0]
			again.Hash = keyHash(1)
			for want, k := range map[error]store.Key{store.ErrConflict: again, store.ErrMissingReference: dangling} {
				f.refused(f.try(func(ctx context.Context, tx *store.Tx) error {
					return tx.InsertKeys(ctx, []store.Key{f.bareKey(2), k, f.bareKey(4)})
				}), want)
				for _, n := range []int{2, 3, 4} {
					_, err := f.backend.Key(f.Context(), keyID(n))
					f.refused(err, store.ErrNotFound)
				}
			}
		}},
		{"KeysByHash", "answers each key that has one of the hashes once, but no purged one", func(f *fixture) {
			f.references()
			f.insertKeys(f.fullKey(1), f.bareKey(2), f.bareKey(3), f.bareKey(4))
			f.do(func(ctx context.Context, tx *store.Tx) error { return tx.PurgeKey(ctx, f.bareKey(4)) })
			hashes := []credential.Hash{keyHash(1), keyHash(9), keyHash(3), keyHash(4), keyHash(1)}
			for range store.MaxHashes - len(hashes) {
				hashes = append(hashes, keyHash(9))
			}
			got, err := f.backend.KeysByHash(f.Context(), hashes)
			f.ok(err)
			slices.SortFunc(got, func(a, b store.Key) int { return strings.Compare(a.KeyID, b.KeyID) })
			equal(f, got, []store.Key{f.fullKey(1), f.bareKey(3)})
			got, err = f.backend.KeysByHash(f.Context(), nil)
			f.ok(err)
			equal(f, len(got), 0)
		}},
		{"PurgedByHash", "answers each purged key that had one of the hashes, and no other", func(f *fixture) {
			f.insertKeys(f.bareKey(1), f.bareKey(2), f.bareKey(3))
			f.do(func(ctx context.Context, tx *store.Tx) error { return tx.PurgeKey(ctx, f.bareKey(1)) })
			f.do(func(ctx context.Context, tx *store.Tx) error { return tx.PurgeKey(ctx, f.bareKey(3)) })
			again := f.bareKey(4)
			again.Hash = keyHash(1)
			f.insertKeys(again)
			f.do(func(ctx context.Context, tx *store.Tx) error { return tx.PurgeKey(ctx, again) })
			got, err := f.backend.PurgedByHash(f.Context(), []credential.Hash{keyHash(1), keyHash(2), keyHash(9), keyHash(1)})
			f.ok(err)
			slices.SortFunc(got, func(a, b store.PurgedKey) int { return strings.Compare(a.KeyID, b.KeyID) })
			equal(f, got, []store.PurgedKey{
				{KeyID: keyID(1), Namespace: f.bareKey(1).Namespace, Hash: keyHash(1)},
				{KeyID: keyID(4), Namespace: again.Namespace, Hash: keyHash(1)},
			})
			got, err = f.backend.PurgedByHash(f.Context(), nil)
			f.ok(err)
			equal(f, len(got), 0)
		}},
		{"UpdateKey", "writes only the version that was read and stores the next", keyUpdateVersion},
		{"UpdateKey", "answers ErrNotFound when there is no such key", func(f *fixture) {
			f.refused(f.tryUpdateKey(f.bareKey(1)), store.ErrNotFound)
		}},
		{"UpdateKey", "answers ErrMissingReference when plan or owner does not exist", func(f *fixture) {
			f.insertKeys(f.bareKey(1))
			for _, k := range f.dangling(f.bareKey(1)) {
				f.refused(f.tryUpdateKey(k), store.ErrMissingReference)
			}
		}},
		{"UpdateKey", "does not change what a key is", keyUpdateKeeps},
		{"PurgeKey", "erases everything but id namespace and times and keeps the row", keyPurge},
		{"PurgeKey", "frees the uniqueness of the hash", func(f *fixture) {
			f.insertKeys(f.bareKey(1))
			f.do(func(ctx context.Context, tx *store.Tx) error { return tx.PurgeKey(ctx, f.bareKey(1)) })
			k := f.bareKey(2)
			k.Hash = keyHash(1)
			f.insertKeys(k)
		}},
		{"PurgeKey", "answers ErrStale on another version and ErrNotFound without a key", func(f *fixture) {
			f.insertKeys(f.bareKey(1))
			k := f.bareKey(1)
			k.Version = 9
			purge := func(ctx context.Context, tx *store.Tx) error { return tx.PurgeKey(ctx, k) }
			f.refused(f.try(purge), store.ErrStale)
			equal(f, f.storedKey(1), f.bareKey(1))
			k.KeyID = keyID(2)
			f.refused(f.try(purge), store.ErrNotFound)
		}},
		{"AnnounceKey", "notes it for an instant and answers ErrConflict for the same one", keyAnnounced},
		{"AnnounceKey", "of several at once lets exactly one through", keyAnnouncedAtOnce},
		{"Keys", "finds those that are to have a successor, by themselves or by their policy", keysDue},
	}
}

func idOfKey(k store.Key) string { return k.KeyID }

func (f *fixture) storedKey(n int) store.Key {
	f.Helper()
	k, err := f.backend.Key(f.Context(), keyID(n))
	f.ok(err)
	return k
}

func (f *fixture) tryInsertKey(k store.Key) error {
	return f.try(func(ctx context.Context, tx *store.Tx) error { return tx.InsertKey(ctx, k) })
}

func (f *fixture) tryUpdateKey(k store.Key) error {
	return f.try(func(ctx context.Context, tx *store.Tx) error { return tx.UpdateKey(ctx, k) })
}

// dangling is the key with a plan and with an owner that do not exist in its
// namespace, though they do in another.
func (f *fixture) dangling(k store.Key) []store.Key {
	f.Helper()
	f.references()
	withPlan, withOwner := k, k
	withPlan.Plan, withOwner.Owner = "basic", "team"
	return []store.Key{withPlan, withOwner}
}

// noZeroField keeps the sample honest when a field is added to the contract.
func noZeroField(f *fixture, v any, but ...string) {
	f.Helper()
	value := reflect.ValueOf(v)
	for i := range value.NumField() {
		if value.Field(i).IsZero() && !slices.Contains(but, value.Type().Field(i).Name) {
			f.Fatalf("the sample of %s does not fill %s", value.Type(), value.Type().Field(i).Name)
		}
	}
}

func keysPurged(f *fixture) {
	f.insertKeys(f.bareKey(1), f.bareKey(2))
	f.do(func(ctx context.Context, tx *store.Tx) error { return tx.PurgeKey(ctx, f.bareKey(1)) })
	got, _, err := f.backend.Keys(f.Context(), store.KeyFilter{}, store.Page{})
	f.ok(err)
	inOrder(f, names(got, idOfKey), keyID(2))
	got, _, err = f.backend.Keys(f.Context(), store.KeyFilter{Status: store.StatusPurged}, store.Page{})
	f.ok(err)
	inOrder(f, names(got, idOfKey), keyID(1))
}

func keysFiltered(f *fixture) {
	f.references()
	full := f.fullKey(1)
	other := f.bareKey(2)
	other.Scopes, other.Labels = []string{"orders"}, map[string]string{"cost.centre": "4"}
	other.ExpiresAt = full.ExpiresAt.Add(time.Hour)
	f.insertKeys(full, other)
	filters := map[string]store.KeyFilter{
		"Namespaces":   {Namespaces: []string{"nobody", "tenant"}},
		"Owner":        {Owner: "team"},
		"Plan":         {Plan: "basic"},
		"KeyType":      {KeyType: store.KeyTypeIntegration},
		"Status":       {Status: store.StatusDisabled},
		"Statuses":     {Statuses: []store.Status{store.StatusSuspended, store.StatusDisabled}},
		"NamePrefix":   {NamePrefix: "Full_%"},
		"NameContains": {NameContains: "uLL_%K"},
		"Scope":        {Scope: "orders:read"},
		"Label":        {Label: [2]string{"cost.centre", "42"}},
		"ExpiresBy":    {ExpiresBy: full.ExpiresAt.Add(time.Microsecond)},
		"ExpiredAt":    {ExpiredAt: full.ExpiresAt},
		// Never used, so what counts is when it was made: a minute earlier.
		"UnusedSince":  {UnusedSince: other.CreatedAt},
		"InGraceAt":    {InGraceAt: full.GraceEndsAt.Add(-time.Microsecond)},
		"GraceEndedAt": {GraceEndedAt: full.GraceEndsAt},
		"StatusBefore": {StatusBefore: other.StatusAt},
		// Proven by keysDue and by the promises of AnnounceKey.
		"UnexpiredAt":   {Owner: "team"},
		"RotationDueAt": {Owner: "team"},
		"Unannounced":   {Owner: "team"},
	}
	for field := range reflect.TypeFor[store.KeyFilter]().Fields() {
		name := field.Name
		filter, known := filters[name]
		if !known {
			f.Fatalf("no proof that %s narrows the list", name)
		}
		got, _, err := f.backend.Keys(f.Context(), filter, store.Page{})
		f.ok(err)
		if len(got) != 1 || got[0].KeyID != full.KeyID {
			f.Errorf("filter by %s: got %v, want only %s", name, names(got, idOfKey), full.KeyID)
		}
		n, err := f.backend.CountKeys(f.Context(), filter)
		f.ok(err)
		equal(f, n, 1)
	}
	for name, filter := range map[string]store.KeyFilter{
		"a prefix in other case":   {NamePrefix: "full"},
		"a wildcard":               {NamePrefix: "%"},
		"wildcards inside":         {NameContains: "f%y"},
		"any one character":        {NameContains: "l_k"},
		"the very end, exclusive":  {ExpiresBy: full.ExpiresAt},
		"before the end":           {ExpiredAt: full.ExpiresAt.Add(-time.Microsecond)},
		"the end of the grace":     {InGraceAt: full.GraceEndsAt},
		"before that end":          {GraceEndedAt: full.GraceEndsAt.Add(-time.Microsecond)},
		"when the status was set":  {StatusBefore: full.StatusAt},
		"the label's other value":  {Label: [2]string{"cost.centre", "43"}},
		"two fields, one of which": {Owner: "team", Status: store.StatusActive},
	} {
		got, _, err := f.backend.Keys(f.Context(), filter, store.Page{})
		f.ok(err)
		if len(got) != 0 {
			f.Errorf("filter by %s: got %v, want none", name, names(got, idOfKey))
		}
	}
}

func keyUpdateVersion(f *fixture) {
	f.references()
	k := f.bareKey(1)
	k.Namespace = "tenant"
	f.insertKeys(k)
	want := f.fullKey(1)
	want.PepperID, want.ChecksumID, want.CreatedAt, want.Version = k.PepperID, k.ChecksumID, k.CreatedAt, k.Version
	want.LimitsID, want.Predecessor = k.LimitsID, k.Predecessor
	f.ok(f.tryUpdateKey(want))
	f.refused(f.tryUpdateKey(want), store.ErrStale)
	want.Version++
	equal(f, f.storedKey(1), want)
	bare := k
	bare.Version = want.Version
	f.ok(f.tryUpdateKey(bare))
	bare.Version++
	equal(f, f.storedKey(1), bare)
}

func keyUpdateKeeps(f *fixture) {
	f.references()
	k := f.bareKey(1)
	f.insertKeys(k)
	changed := k
	changed.Namespace, changed.Hash, changed.PepperID, changed.ChecksumID = "tenant", keyHash(9), "p9", "c9"
	changed.CreatedAt, changed.LimitsID, changed.Predecessor = k.CreatedAt.Add(time.Hour), keyID(8), keyID(9)
	f.ok(f.tryUpdateKey(changed))
	k.Version++
	equal(f, f.storedKey(1), k)
}

func keyPurge(f *fixture) {
	f.references()
	k := f.fullKey(1)
	f.insertKeys(k)
	f.clock.advance(time.Minute)
	f.do(func(ctx context.Context, tx *store.Tx) error { return tx.PurgeKey(ctx, k) })
	at := f.clock.now()
	equal(f, f.storedKey(1), store.Key{
		KeyID: k.KeyID, Namespace: k.Namespace, Status: store.StatusPurged, NotBefore: k.NotBefore, ExpiresAt: k.ExpiresAt,
		RotatedAt: k.RotatedAt, GraceEndsAt: k.GraceEndsAt,
		CreatedAt: k.CreatedAt, UpdatedAt: at, StatusAt: at, Version: k.Version + 1,
	})
	// What the key referred to is free to go.
	f.do(func(ctx context.Context, tx *store.Tx) error {
		if err := tx.DeletePlan(ctx, "tenant", "basic", 1); err != nil {
			return err
		}
		return tx.DeleteOwner(ctx, "tenant", "team", 1)
	})
}

// keysPagedAmongWrites walks pages of two; before each one a newer key and an
// older one are made, and a key that was shown is purged. Those that were there
// all the time come once each.
func keysPagedAmongWrites(f *fixture) {
	for n := 10; n < 20; n++ {
		f.insertKeys(f.bareKey(n))
	}
	var last []store.Key
	pages := 0
	got := walk(f, 2, func(p store.Page) ([]store.Key, store.Cursor, error) {
		pages++
		f.insertKeys(f.bareKey(100 + pages))
		if len(last) > 0 {
			purged := last[0]
			f.do(func(ctx context.Context, tx *store.Tx) error { return tx.PurgeKey(ctx, purged) })
		}
		found, next, err := f.backend.Keys(f.Context(), store.KeyFilter{}, p)
		last = slices.Clone(found)
		return found, next, err
	})
	want := []string{keyID(101)} // made before the first page
	for n := 19; n >= 10; n-- {
		want = append(want, keyID(n))
	}
	inOrder(f, names(got, idOfKey), want...)
}
