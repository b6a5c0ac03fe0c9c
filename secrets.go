package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"text/tabwriter"

	"credence/management"
	"credence/store"
	"credence/store/credential"
	"credence/store/kms"
	"credence/store/seal"
	"credence/store/secretfile"
)

// The names in the data folder of serve, and in the folder of `secrets init`.
const (
	secretsFile = "secrets.json"
	keysetFile  = "keyset.json"
	tokenFile   = "admin.token"
)

// openSecrets reads the two files of secrets, makes those that are missing at
// the first start, and checks that the database belongs to them. A database
// that has had secrets, one of the two even, is no first start: new ones would
// refuse every key and lose every sealed entry, so a lost file is an error.
// One that has had none knows nothing that was made with them, so a start that
// was cut off between the files goes on.
func openSecrets(ctx context.Context, dir string, database store.Backend) (*credential.Secrets, *seal.Keyset, error) {
	secretsPath, keysetPath := filepath.Join(dir, secretsFile), filepath.Join(dir, keysetFile)
	first := true
	for _, file := range []store.SecretsFile{store.SecretsFileSecrets, store.SecretsFileKeyset} {
		claimed, err := database.SecretsClaimed(ctx, file)
		if err != nil {
			return nil, nil, err
		}
		first = first && !claimed
	}
	if first {
		if err := createSecrets(ctx, secretsPath, keysetPath, ""); err != nil {
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
	secrets, err := loadSecrets(ctx, secretsPath, database)
	if err != nil {
		return nil, nil, err
	}
	keyset, err := loadKeyset(ctx, keysetPath, "", database)
	return secrets, keyset, err
}

// loadSecrets reads secrets.json and checks that the database belongs to it.
func loadSecrets(ctx context.Context, path string, database store.Backend) (*credential.Secrets, error) {
	secrets, err := credential.LoadSecrets(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%w: `credence secrets init --out DIR` makes the files of a new deployment", err)
	}
	if err != nil {
		return nil, err
	}
	if err := claim(ctx, database, store.SecretsFileSecrets, secrets.Fingerprint(), path); err != nil {
		return nil, err
	}
	return secrets, checkKeySecrets(ctx, database, secrets, path)
}

// checkKeySecrets refuses a file from which a secret was removed that live
// keys were made with: those keys would be refused without a word of why.
func checkKeySecrets(ctx context.Context, database store.KeySecretReader, secrets *credential.Secrets, path string) error {
	needed, err := database.KeySecrets(ctx)
	if err != nil {
		return err
	}
	for _, one := range neededSecrets(needed, secrets) {
		if !one.held {
			return fmt.Errorf("%s: the %s %q is not in it, but keys that are not revoked were made with it: "+
				"put it back, or revoke those keys first", path, one.what, one.id)
		}
	}
	return nil
}

// keySecret is a checksum secret or a pepper.
type keySecret struct {
	what, id     string
	held, needed bool // in the file; by live keys
}

// neededSecrets are those of the file, in its order, and then those that live
// keys need besides.
func neededSecrets(named []store.KeySecret, secrets *credential.Secrets) []keySecret {
	var all []keySecret
	for _, kind := range []struct {
		what string
		held []string
		of   func(store.KeySecret) string
	}{
		{"checksum secret", secrets.ChecksumIDs(), func(k store.KeySecret) string { return k.ChecksumID }},
		{"pepper", secrets.PepperIDs(), func(k store.KeySecret) string { return k.PepperID }},
	} {
		var ids []string
		for _, k := range named {
			ids = append(ids, kind.of(k))
		}
		for _, id := range kind.held {
			all = append(all, keySecret{kind.what, id, true, slices.Contains(ids, id)})
		}
		slices.Sort(ids)
		for _, id := range slices.Compact(ids) {
			if id != "" && !slices.Contains(kind.held, id) {
				all = append(all, keySecret{kind.what, id, false, true})
			}
		}
	}
	return all
}

// secretsStatus shows which secrets can be removed.
func secretsStatus(ctx context.Context, c config, out, logs io.Writer) error {
	secrets, err := credential.LoadSecrets(c.SecretsFile)
	if err != nil {
		return err
	}
	return withStore(ctx, c, newLogger(c, logs), func(backend store.Backend) error {
		named, err := backend.KeySecrets(ctx)
		if err != nil {
			return err
		}
		w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
		fmt.Fprintln(w, "SECRET\tID\tIN THE FILE\tNEEDED BY LIVE KEYS")
		for _, one := range neededSecrets(named, secrets) {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", one.what, one.id, yesNo(one.held), yesNo(one.needed))
		}
		return errors.Join(w.Flush(), checkKeySecrets(ctx, backend, secrets, c.SecretsFile))
	})
}

func yesNo(yes bool) string {
	if yes {
		return "yes"
	}
	return "no"
}

// loadKeyset does the same for keyset.json.
func loadKeyset(ctx context.Context, path, variable string, database store.Deployment) (*seal.Keyset, error) {
	keyset, err := openKeyset(ctx, path, variable)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%w: `credence secrets init --out DIR` makes the files of a new deployment", err)
	}
	if err != nil {
		return nil, err
	}
	return keyset, claim(ctx, database, store.SecretsFileKeyset, keyset.Fingerprint(), path)
}

// secretsInit says where the files of a new deployment go.
type secretsInit struct {
	dir       string // for secrets.json
	keysetDir string // for keyset.json; "" is the same
	kms       string // key of a key management service that keyset.json is encrypted by; "" for none
	ifMissing bool   // files that are there are no error
}

// run makes both files or none: a folder that has one of them belongs to a
// deployment already, unless a third one says that an earlier run was cut off
// between the two. Nobody has used what that one made.
func (i secretsInit) run(ctx context.Context, out io.Writer) error {
	if i.keysetDir == "" {
		i.keysetDir = i.dir
	}
	secretsPath, keysetPath := filepath.Join(i.dir, secretsFile), filepath.Join(i.keysetDir, keysetFile)
	unfinished := secretsPath + ".unfinished"
	goOn := !missing(unfinished)
	if i.ifMissing && !goOn && !missing(secretsPath) && !missing(keysetPath) {
		fmt.Fprintf(out, "%s and %s are there already\n", secretsPath, keysetPath)
		return nil
	}
	for _, path := range []string{secretsPath, keysetPath} {
		if !goOn && !missing(path) {
			return usageError{fmt.Errorf("%s is there already and is never overwritten: name an empty folder with --out", path)}
		}
		if err := makeDataDir(filepath.Dir(path)); err != nil {
			return err
		}
	}
	if !goOn {
		if err := secretfile.Create(unfinished, nil); err != nil {
			return err
		}
	}
	err := createSecrets(ctx, secretsPath, keysetPath, i.kms)
	if err = errors.Join(err, os.Remove(unfinished)); err != nil {
		return err
	}
	fmt.Fprintf(out, "%s: checksum secrets and peppers; every process needs it\n", secretsPath)
	fmt.Fprintf(out, "%s: seals audit entries; the control plane needs it, the data plane must not have it\n", keysetPath)
	fmt.Fprintln(out, "Keep a copy of both in a safe place: without them no key can be recognised and no audit entry read.")
	return nil
}

// createSecrets makes those of the two files that are missing, or none.
func createSecrets(ctx context.Context, secretsPath, keysetPath, master string) error {
	made := missing(secretsPath)
	if made {
		if _, err := credential.CreateSecrets(secretsPath, rand.Reader); err != nil {
			return err
		}
	}
	if !missing(keysetPath) {
		return nil
	}
	_, err := seal.CreateKeyset(ctx, keysetPath, master, kms.Find)
	if err != nil && made {
		err = errors.Join(err, os.Remove(secretsPath))
	}
	return err
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
func firstToken(ctx context.Context, service *management.Service, path string, logger *slog.Logger) error {
	_, err := service.TokenBootstrap(ctx, management.TokenBootstrap{
		Deliver: func(token credential.Text) error {
			if err := setAside(ctx, path, logger); err != nil {
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

// setAside moves the token of a database that is not this one out of the way.
// A start that was cut off leaves one that nobody needs, but so does a lost
// database or a wrong --store, and then it is the only way back in.
func setAside(ctx context.Context, path string, logger *slog.Logger) error {
	if missing(path) {
		return nil
	}
	kept := path + ".old"
	if err := os.Rename(path, kept); err != nil {
		return err
	}
	logger.WarnContext(ctx, "the database is new, but the data folder has an admin token: is this the right database?",
		slog.String("token_kept_as", kept))
	return nil
}

// replaceFirstToken revokes the token at path and puts another in its place. The
// new text is on disk before the old one ends.
func replaceFirstToken(ctx context.Context, service *management.Service, path string, out io.Writer) error {
	fresh := path + ".new"
	_, err := service.TokenBootstrap(ctx, management.TokenBootstrap{
		Replace: true,
		Deliver: func(token credential.Text) error { return secretfile.Create(fresh, []byte(token.Reveal()+"\n")) },
	})
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%w: an earlier attempt was cut off: try the token in it; if it is refused, remove the file", err)
	}
	if err != nil {
		return errors.Join(err, removeIfThere(fresh))
	}
	if err := os.Rename(fresh, path); err != nil {
		return fmt.Errorf("the new admin token is in %s: %w", fresh, err)
	}
	fmt.Fprintf(out, "%s: the new first admin token; the one before it is revoked\n", path)
	return nil
}

func removeIfThere(path string) error {
	if err := os.Remove(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// tokenBootstrap says where the first token goes.
type tokenBootstrap struct {
	path      string // "" prints it
	ifMissing bool   // a deployment that has tokens is no error
	replace   bool   // the first token was lost: revoke it and make another
}

// run is firstToken for a person: a file that is there stays, and a second
// call is an error.
func (b tokenBootstrap) run(ctx context.Context, service *management.Service, out io.Writer) error {
	path := b.path
	_, err := service.TokenBootstrap(ctx, management.TokenBootstrap{
		Replace: b.replace,
		Deliver: func(token credential.Text) error {
			if path != "" {
				return secretfile.Create(path, []byte(token.Reveal()+"\n"))
			}
			_, err := fmt.Fprintln(out, token.Reveal())
			return err
		},
	})
	if e, ok := errors.AsType[*management.Error](err); ok && b.ifMissing && e.Code == management.CodeConflict {
		fmt.Fprintln(out, "there is an admin token already")
		return nil
	}
	if err == nil && path != "" {
		fmt.Fprintf(out, "%s: the first admin token; the CLI takes it with --token-file\n", path)
	}
	return err
}
