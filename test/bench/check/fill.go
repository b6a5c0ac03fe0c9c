package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/jackc/pgx/v5"

	"credence/store"
	"credence/store/credential"
	"credence/store/limit"
	"credence/store/postgres"
	"credence/store/seal"
	"credence/store/sqlite"
	"credence/test/stage"
)

// batch is the most rows of one transaction, as everywhere.
const batch = 500

// fill writes a data folder for `credence serve` with n keys, each with two
// limits and two scopes, and answers their texts.
func fill(ctx context.Context, folder string, n int) ([]credential.Text, error) {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, fmt.Errorf("fill: %w", err)
	}
	options := sqlite.Options{
		Path: filepath.Join(folder, "credence.db"), Now: time.Now, Random: rand.Reader, Logger: slog.New(slog.DiscardHandler),
	}
	if _, _, err := sqlite.Migrate(ctx, options); err != nil {
		return nil, fmt.Errorf("fill: %w", err)
	}
	secrets, err := credential.CreateSecrets(filepath.Join(folder, "secrets.json"), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("fill: %w", err)
	}
	keyset, err := seal.CreateKeyset(ctx, filepath.Join(folder, "keyset.json"), "", nil)
	if err != nil {
		return nil, fmt.Errorf("fill: %w", err)
	}
	db, err := sqlite.Open(ctx, options)
	if err != nil {
		return nil, fmt.Errorf("fill: %w", err)
	}
	texts, err := fillStore(ctx, store.New(db, keyset, time.Now), secrets, n)
	if closing := db.Close(); err == nil {
		err = closing
	}
	if err != nil {
		return nil, fmt.Errorf("fill: %w", err)
	}
	return texts, nil
}

// fillStore writes n keys.
func fillStore(ctx context.Context, s *store.Store, secrets *credential.Secrets, n int) ([]credential.Text, error) {
	f := filler{store: s, secrets: secrets}
	for len(f.texts) < n {
		if err := f.add(ctx, min(batch, n-len(f.texts))); err != nil {
			return nil, err
		}
	}
	return f.texts, nil
}

// fillStage writes n keys to the database of a stage.
func fillStage(ctx context.Context, s *stage.Stage, n int) ([]credential.Text, error) {
	secrets, err := credential.LoadSecrets(s.SecretsFile())
	if err != nil {
		return nil, fmt.Errorf("fill: %w", err)
	}
	keyset, err := seal.LoadKeyset(ctx, s.Keyset(), nil)
	if err != nil {
		return nil, fmt.Errorf("fill: %w", err)
	}
	db, err := postgres.Open(ctx, postgres.Options{
		URL: s.Owner, Now: time.Now, Random: rand.Reader, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return nil, fmt.Errorf("fill: %w", err)
	}
	texts, err := fillStore(ctx, store.New(db, keyset, time.Now), secrets, min(n, batch))
	if err == nil && n > len(texts) {
		texts, err = copyKeys(ctx, s.Owner, secrets, texts, n)
	}
	if err = errors.Join(err, db.Close()); err != nil {
		return nil, fmt.Errorf("fill: %w", err)
	}
	return texts, nil
}

// copyStatement makes keys like the first one, with ids and hashes of their
// own: a million by way of the store would take longer than all rounds.
//
//nolint:unqueryvet // all columns, whatever a schema has: those not named here are copied
const copyStatement = `INSERT INTO credence.api_keys OVERRIDING SYSTEM VALUE
	SELECT copy.* FROM credence.api_keys AS k, unnest($1::bigint[], $2::text[], $3::bytea[]) AS fresh (id, key_id, key_hash),
		jsonb_populate_record(k, jsonb_build_object('id', fresh.id, 'key_id', fresh.key_id, 'key_hash', fresh.key_hash)) AS copy
	WHERE k.id = (SELECT min(id) FROM credence.api_keys)`

// copyKeys adds keys to those there are until they are n.
func copyKeys(ctx context.Context, owner string, secrets *credential.Secrets, texts []credential.Text, n int) ([]credential.Text, error) {
	conn, err := pgx.Connect(ctx, owner)
	if err != nil {
		return nil, err
	}
	defer conn.Close(context.WithoutCancel(ctx)) //nolint:errcheck // the statements have their own errors
	f := filler{secrets: secrets, texts: texts}
	const many, after = 20_000, 1_000_000_000 // rows of a statement; ids that nobody has
	for len(f.texts) < n {
		var numbers []int64
		var ids []string
		var hashes [][]byte
		for range min(many, n-len(f.texts)) {
			key, text, err := f.mint(time.Now())
			if err != nil {
				return nil, err
			}
			f.texts = append(f.texts, text)
			numbers, ids, hashes = append(numbers, after+int64(len(f.texts))), append(ids, key.KeyID), append(hashes, key.Hash[:])
		}
		if _, err := conn.Exec(ctx, copyStatement, numbers, ids, hashes); err != nil {
			return nil, err
		}
	}
	_, err = conn.Exec(ctx, "VACUUM ANALYZE credence.api_keys") // as autovacuum does soon, but not in a round
	return f.texts, err
}

type filler struct {
	store   *store.Store
	secrets *credential.Secrets
	texts   []credential.Text
}

func (f *filler) add(ctx context.Context, n int) error {
	_, err := f.store.InTx(ctx, func(ctx context.Context, tx *store.Tx) error {
		for range n {
			key, text, err := f.mint(tx.Now())
			if err != nil {
				return err
			}
			if err := tx.InsertKey(ctx, key); err != nil {
				return err
			}
			f.texts = append(f.texts, text)
		}
		tx.Audit(store.AuditRecord{Namespace: "default", Actor: "system:bench", Action: "key.create", Object: "bench"})
		return nil
	})
	return err
}

func (f *filler) mint(now time.Time) (store.Key, credential.Text, error) {
	text, checksumID, err := f.secrets.Mint(rand.Reader, "crd", "live")
	if err != nil {
		return store.Key{}, text, err
	}
	id, err := store.NewID(store.KeyIDPrefix, now, rand.Reader)
	if err != nil {
		return store.Key{}, text, err
	}
	hash, pepperID := f.secrets.Hash(text.Digest())
	return store.Key{
		KeyID: id, Namespace: "default", Name: "bench", KeyType: store.KeyTypeService, Status: store.StatusActive,
		Environment: "live", Hash: hash, PepperID: pepperID, ChecksumID: checksumID,
		Scopes: []string{"orders:read", "orders:write"},
		Limits: []limit.Limit{
			{Name: "second", Limit: limit.MaxLimit, Period: time.Second, Burst: limit.MaxLimit},
			{Name: "hour", Limit: limit.MaxLimit, Period: time.Hour, Burst: limit.MaxLimit},
		},
		CreatedAt: now, UpdatedAt: now, Version: 1,
	}, text, nil
}
