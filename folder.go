package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"

	"credence/management"
	"credence/store"
	"credence/store/credential"
	"credence/store/seal"
	"credence/store/secretfile"
)

// The names in the data folder.
const (
	secretsFile   = "secrets.json"
	keysetFile    = "keyset.json"
	tokenFile     = "admin.token"
	addressesFile = "addresses.json"
)

// makeDataDir makes the folder, and proves that it can be written before
// anything depends on it.
func makeDataDir(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("data folder: %w: name one that can be made and written with --data-dir", err)
	}
	probe, err := os.CreateTemp(dir, ".writable-*")
	if err != nil {
		return fmt.Errorf("data folder %s cannot be written: %w: change its owner or name another with --data-dir", dir, err)
	}
	return errors.Join(probe.Close(), os.Remove(probe.Name()))
}

// openSecrets reads the two files of secrets, makes them at the first start,
// and checks that the database belongs to them. A database that has had
// secrets is no first start: new ones would refuse every key and lose every
// sealed entry, so a lost file is an error.
func openSecrets(ctx context.Context, dir string, database store.Deployment) (*credential.Secrets, *seal.Keyset, error) {
	secretsPath, keysetPath := filepath.Join(dir, secretsFile), filepath.Join(dir, keysetFile)
	claimed, err := database.SecretsClaimed(ctx, store.SecretsFileSecrets)
	if err != nil {
		return nil, nil, err
	}
	if !claimed && missing(secretsPath) && missing(keysetPath) {
		if _, err := credential.CreateSecrets(secretsPath, rand.Reader); err != nil {
			return nil, nil, err
		}
		if _, err := seal.CreateKeyset(keysetPath); err != nil {
			return nil, nil, err
		}
	}
	for _, path := range []string{secretsPath, keysetPath} {
		if missing(path) {
			return nil, nil, fmt.Errorf("%s is gone, but the rest of the deployment is there: "+
				"put it back from the backup; without it no key can be recognised and no audit entry read. "+
				"To start anew instead, name an empty folder with --data-dir", path)
		}
	}
	secrets, err := credential.LoadSecrets(secretsPath)
	if err != nil {
		return nil, nil, err
	}
	keyset, err := seal.LoadKeyset(keysetPath)
	if err != nil {
		return nil, nil, err
	}
	return secrets, keyset, errors.Join(
		claim(ctx, database, store.SecretsFileSecrets, secrets.Fingerprint(), secretsPath),
		claim(ctx, database, store.SecretsFileKeyset, keyset.Fingerprint(), keysetPath))
}

// claim ties the database to a file of secrets, or refuses another one.
func claim(ctx context.Context, database store.Deployment, file store.SecretsFile, fingerprint, path string) error {
	if _, err := database.ClaimSecrets(ctx, file, fingerprint); err != nil {
		return fmt.Errorf("%s: %w: put back the file that was made with this database", path, err)
	}
	return nil
}

func missing(path string) bool {
	_, err := os.Lstat(path)
	return errors.Is(err, os.ErrNotExist)
}

// firstToken makes the first admin token of a new deployment and leaves it
// where the CLI looks for it.
func firstToken(ctx context.Context, service *management.Service, dir string, logger *slog.Logger) error {
	path := filepath.Join(dir, tokenFile)
	_, err := service.TokenBootstrap(ctx, management.TokenBootstrap{
		Deliver: func(token credential.Text) error {
			// A file that is there is left from a start that was cut off before
			// the token was: nobody holds a token, so nothing is lost.
			if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
				return err
			}
			return secretfile.Create(path, []byte(token.Reveal()+"\n"))
		},
	})
	if e, ok := errors.AsType[*management.Error](err); ok && e.Code == management.CodeConflict {
		return nil // not the first start
	}
	if err != nil {
		return fmt.Errorf("first admin token: %w", err)
	}
	logger.InfoContext(ctx, "first admin token written", slog.String("file", path))
	return nil
}

// announce writes the chosen addresses to the log and to addresses.json,
// which is replaced in one step so that nobody reads half of it.
func (l *listeners) announce(ctx context.Context, dir string, logger *slog.Logger) error {
	addresses := map[string]string{
		"check": listenAddress(l.check), "status": listenAddress(l.status), "api": listenAddress(l.api),
	}
	content, err := json.MarshalIndent(addresses, "", "  ")
	if err != nil {
		return fmt.Errorf("addresses: %w", err)
	}
	path := filepath.Join(dir, addressesFile)
	if err := os.WriteFile(path+".new", append(content, '\n'), 0o600); err != nil {
		return fmt.Errorf("addresses: %w", err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		return fmt.Errorf("addresses: %w", err)
	}
	logger.InfoContext(ctx, "serving", slog.String("check", addresses["check"]),
		slog.String("status", addresses["status"]), slog.String("api", addresses["api"]))
	return nil
}

func listenAddress(l net.Listener) string {
	if l.Addr().Network() == "unix" {
		return "unix:" + l.Addr().String()
	}
	return l.Addr().String()
}
