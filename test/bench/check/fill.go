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
	keyset, err := seal.CreateKeyset(filepath.Join(folder, "keyset.json"))
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
	keyset, err := seal.LoadKeyset(s.Keyset())
	if err != nil {
		return nil, fmt.Errorf("fill: %w", err)
	}
	db, err := postgres.Open(ctx, postgres.Options{
		URL: s.Owner, Now: time.Now, Random: rand.Reader, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return nil, fmt.Errorf("fill: %w", err)
	}
	texts, err := fillStore(ctx, store.New(db, keyset, time.Now), secrets, n)
	if err = errors.Join(err, db.Close()); err != nil {
		return nil, fmt.Errorf("fill: %w", err)
	}
	return texts, nil
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
