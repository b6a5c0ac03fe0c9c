package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"time"

	"credence/store"
	"credence/store/credential"
	"credence/store/limit"
)

const keyColumns = `k.key_id, k.namespace, k.name, k.owner, k.key_type, k.status, k.status_reason, k.environment, k.plan,
	k.scopes, k.limits, k.quotas, k.networks, k.hosts, k.methods, k.paths, k.labels,
	k.not_before, k.expires_at, k.key_hash, k.pepper_id, k.checksum_id,
	k.created_at, k.updated_at, k.status_at, k.version, k.limits_id, k.grace_ends_at, k.throttle`

// keyDestinations is where keyColumns go.
func keyDestinations(k *store.Key) []any {
	return []any{
		&k.KeyID, &k.Namespace, &k.Name,
		optionalText{&k.Owner},
		&k.KeyType, &k.Status, &k.StatusReason, &k.Environment,
		optionalText{&k.Plan},
		items[string]{&k.Scopes},
		items[limit.Limit]{&k.Limits},
		items[limit.Quota]{&k.Quotas},
		items[netip.Prefix]{&k.Networks},
		items[string]{&k.Hosts},
		items[string]{&k.Methods},
		items[string]{&k.Paths},
		pairs{&k.Labels},
		instant{&k.NotBefore},
		instant{&k.ExpiresAt},
		hash{(*[32]byte)(&k.Hash)},
		&k.PepperID,
		&k.ChecksumID,
		instant{&k.CreatedAt},
		instant{&k.UpdatedAt},
		instant{&k.StatusAt},
		&k.Version,
		&k.LimitsID,
		instant{&k.GraceEndsAt},
		&k.Throttle,
	}
}

// shownColumns are those that a reader of keys answers.
const shownColumns = keyColumns + ", k.predecessor, k.successor, k.rotated_at, k.close_when_silent, k.rotate_every, k.last_used_at, k.last_used_ip"

func scanKey(r row, k *store.Key) error {
	return r.Scan(append(keyDestinations(k), optionalText{&k.Predecessor}, optionalText{&k.Successor}, instant{&k.RotatedAt},
		span{&k.CloseWhenSilent}, span{&k.RotateEvery}, instant{&k.LastUsedAt}, address{&k.LastUsedIP})...)
}

// Key implements [store.KeyReader].
func (r reader) Key(ctx context.Context, keyID string) (store.Key, error) {
	var k store.Key
	err := scanKey(r.q.QueryRowContext(ctx, "SELECT "+shownColumns+" FROM api_keys AS k WHERE k.key_id = ?", keyID), &k)
	if err != nil {
		return store.Key{}, fmt.Errorf("key %q: %w", keyID, translate(err))
	}
	return k, nil
}

// Keys implements [store.KeyReader].
func (r reader) Keys(ctx context.Context, filter store.KeyFilter, page store.Page) ([]store.Key, store.Cursor, error) {
	c := keyConditions(&filter)
	if page.After != "" {
		c.add("k.key_id < ?", string(page.After))
	}
	query := c.query("SELECT "+shownColumns+" FROM api_keys AS k", " ORDER BY k.key_id DESC LIMIT ?")
	found, err := listRows(ctx, r.q, query, append(c.args, page.Size()+1), scanKey)
	if err != nil {
		return nil, "", fmt.Errorf("keys: %w", err)
	}
	found, next := cutPage(found, page, func(k *store.Key) store.Cursor { return store.Cursor(k.KeyID) })
	return found, next, nil
}

func statusTexts(statuses []store.Status) []string {
	out := make([]string, len(statuses))
	for i, s := range statuses {
		out[i] = string(s)
	}
	return out
}

// CountKeys implements [store.KeyCounter].
func (r reader) CountKeys(ctx context.Context, filter store.KeyFilter) (int, error) {
	c := keyConditions(&filter)
	var n int
	if err := r.q.QueryRowContext(ctx, c.query("SELECT count(*) FROM api_keys AS k", ""), c.args...).Scan(&n); err != nil {
		return 0, fmt.Errorf("count keys: %w", translate(err))
	}
	return n, nil
}

// KeysByHash implements [store.KeyHashReader].
func (r reader) KeysByHash(ctx context.Context, hashes []credential.Hash) ([]store.Key, error) {
	if len(hashes) == 0 {
		return nil, nil
	}
	set, args := oneOfHashes(hashes)
	found, err := listRows(ctx, r.q, "SELECT "+shownColumns+" FROM api_keys AS k WHERE k.key_hash IN "+set, args, scanKey)
	if err != nil {
		return nil, fmt.Errorf("keys by hash: %w", err)
	}
	return found, nil
}

// PurgedByHash implements [store.KeyHashReader].
func (r reader) PurgedByHash(ctx context.Context, hashes []credential.Hash) ([]store.PurgedKey, error) {
	if len(hashes) == 0 {
		return nil, nil
	}
	set, args := oneOfHashes(hashes)
	found, err := listRows(ctx, r.q, "SELECT key_id, namespace, was_hash FROM api_keys WHERE was_hash IN "+set, args,
		func(row row, k *store.PurgedKey) error {
			return row.Scan(&k.KeyID, &k.Namespace, hash{(*[32]byte)(&k.Hash)})
		})
	if err != nil {
		return nil, fmt.Errorf("purged keys by hash: %w", err)
	}
	return found, nil
}

// oneOfHashes is the right side of IN.
func oneOfHashes(hashes []credential.Hash) (set string, args []any) {
	args = make([]any, len(hashes))
	for i := range hashes {
		args[i] = hashes[i][:]
	}
	return "(?" + strings.Repeat(", ?", len(hashes)-1) + ")", args
}

func keyConditions(f *store.KeyFilter) *conditions {
	var c conditions
	c.anyOf("k.namespace", f.Namespaces)
	if f.Owner != "" {
		c.add("k.owner = ?", f.Owner)
	}
	if f.Plan != "" {
		c.add("k.plan = ?", f.Plan)
	}
	if f.KeyType != "" {
		c.add("k.key_type = ?", string(f.KeyType))
	}
	if len(f.Statuses) > 0 {
		c.anyOf("k.status", statusTexts(f.Statuses))
	}
	if f.Status != "" {
		c.add("k.status = ?", string(f.Status))
	} else {
		c.add("k.status <> 'purged'")
	}
	if f.NamePrefix != "" {
		// Not LIKE: it folds case and has characters of its own.
		c.add("substr(k.name, 1, length(?)) = ?", f.NamePrefix, f.NamePrefix)
	}
	if f.NameContains != "" {
		c.add("instr(lower(k.name), lower(?)) > 0", f.NameContains) // lower knows ASCII only
	}
	if f.Scope != "" {
		c.add("EXISTS (SELECT 1 FROM json_each(k.scopes) AS s WHERE s.value = ?)", f.Scope)
	}
	if f.Label[0] != "" {
		c.add("EXISTS (SELECT 1 FROM json_each(k.labels) AS l WHERE l.key = ? AND l.value = ?)", f.Label[0], f.Label[1])
	}
	if !f.ExpiresBy.IsZero() {
		c.add("k.expires_at < ?", micros(f.ExpiresBy))
	}
	if !f.ExpiredAt.IsZero() {
		c.add("k.expires_at <= ?", micros(f.ExpiredAt))
	}
	if !f.UnexpiredAt.IsZero() {
		c.add("(k.expires_at IS NULL OR k.expires_at > ?)", micros(f.UnexpiredAt))
	}
	if !f.UnusedSince.IsZero() {
		c.add("ifnull(k.last_used_at, k.created_at) < ?", micros(f.UnusedSince))
	}
	if !f.InGraceAt.IsZero() {
		c.add("k.successor IS NOT NULL AND k.grace_ends_at > ?", micros(f.InGraceAt))
	}
	dueConditions(&c, f)
	return &c
}

// keyPolicy is a column of the policy that a key has: its namespace's own, or
// that of all.
func keyPolicy(column string) string {
	return "(SELECT p." + column + ` FROM key_policies AS p WHERE p.key_type = k.key_type
		AND (p.namespace = k.namespace OR p.namespace IS NULL) ORDER BY p.namespace IS NULL LIMIT 1)`
}

// dueConditions are those that periodic jobs look by.
func dueConditions(c *conditions, f *store.KeyFilter) {
	if !f.GraceEndedAt.IsZero() {
		c.add("k.successor IS NOT NULL AND k.grace_ends_at <= ?", micros(f.GraceEndedAt))
	}
	if !f.StatusBefore.IsZero() {
		c.add("k.status_at < ?", micros(f.StatusBefore))
	}
	every := "iif(k.rotate_every > 0, k.rotate_every, " + keyPolicy("rotate_every") + ")"
	if !f.RotationDueAt.IsZero() {
		c.add("k.successor IS NULL AND "+every+" > 0 AND k.created_at + "+every+" - "+keyPolicy("warn_before")+" <= ?", micros(f.RotationDueAt))
	}
	switch f.Unannounced {
	case store.AnnounceExpiry:
		c.add("k.expires_at IS NOT NULL AND k.announced_expiry IS NOT k.expires_at")
	case store.AnnounceExpiring:
		c.add("k.announced_expiring IS NOT k.expires_at AND k.expires_at - k.created_at > ?", store.ExpiringAhead.Microseconds())
	case store.AnnounceRotation:
		c.add("k.announced_rotation IS NOT k.created_at + " + every)
	}
}

// InsertKey implements [store.KeyWriter].
func (w *writer) InsertKey(ctx context.Context, k store.Key) error {
	changing, err := keyChanging(&k)
	if err != nil {
		return fmt.Errorf("insert key %q: %w", k.KeyID, err)
	}
	args := append(changing, k.KeyID, k.Namespace, k.Hash[:], k.PepperID, k.ChecksumID, micros(k.CreatedAt), k.Version,
		k.LimitsID, textOrNull(k.Predecessor))
	_, err = w.tx.ExecContext(ctx,
		`INSERT INTO api_keys (name, owner, key_type, status, status_reason, environment, plan,
			scopes, limits, quotas, networks, hosts, methods, paths, labels,
			not_before, expires_at, updated_at, status_at, grace_ends_at, successor, rotated_at, close_when_silent, rotate_every, throttle,
			key_id, namespace, key_hash, pepper_id, checksum_id, created_at, version, limits_id, predecessor)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`, args...)
	if err != nil {
		return fmt.Errorf("insert key %q: %w", k.KeyID, translate(err))
	}
	return nil
}

// InsertKeys implements [store.KeyWriter].
func (w *writer) InsertKeys(ctx context.Context, keys []store.Key) error {
	for i := range keys {
		if err := w.InsertKey(ctx, keys[i]); err != nil {
			return err
		}
	}
	return nil
}

// keyChanging is the columns that UpdateKey may change, in the order of both
// statements.
func keyChanging(k *store.Key) ([]any, error) {
	var columns [8]string
	var errs [8]error
	columns[0], errs[0] = list(k.Scopes)
	columns[1], errs[1] = list(k.Limits)
	columns[2], errs[2] = list(k.Quotas)
	columns[3], errs[3] = list(k.Networks)
	columns[4], errs[4] = list(k.Hosts)
	columns[5], errs[5] = list(k.Methods)
	columns[6], errs[6] = list(k.Paths)
	columns[7], errs[7] = object(k.Labels)
	if err := errors.Join(errs[:]...); err != nil {
		return nil, err
	}
	args := []any{
		k.Name, textOrNull(k.Owner), string(k.KeyType), string(k.Status), k.StatusReason, k.Environment, textOrNull(k.Plan),
	}
	for _, column := range columns {
		args = append(args, column)
	}
	return append(args, micros(k.NotBefore), micros(k.ExpiresAt), micros(k.UpdatedAt), micros(k.StatusAt),
		micros(k.GraceEndsAt), textOrNull(k.Successor), micros(k.RotatedAt), k.CloseWhenSilent.Microseconds(),
		k.RotateEvery.Microseconds(), k.Throttle), nil
}

const keyVersion = "SELECT version FROM api_keys WHERE key_id = ?"

// UpdateKey implements [store.KeyWriter].
func (w *writer) UpdateKey(ctx context.Context, k store.Key) error {
	changing, err := keyChanging(&k)
	if err != nil {
		return fmt.Errorf("update key %q: %w", k.KeyID, err)
	}
	result, err := w.tx.ExecContext(ctx,
		`UPDATE api_keys SET name = ?, owner = ?, key_type = ?, status = ?, status_reason = ?, environment = ?, plan = ?,
			scopes = ?, limits = ?, quotas = ?, networks = ?, hosts = ?, methods = ?, paths = ?, labels = ?,
			not_before = ?, expires_at = ?, updated_at = ?, status_at = ?,
			grace_ends_at = ?, successor = ?, rotated_at = ?, close_when_silent = ?, rotate_every = ?, throttle = ?, version = version + 1
		WHERE key_id = ? AND version = ?`, append(changing, k.KeyID, k.Version)...)
	if err != nil {
		return fmt.Errorf("update key %q: %w", k.KeyID, translate(err))
	}
	if err := w.versioned(ctx, result, keyVersion, k.KeyID); err != nil {
		return fmt.Errorf("update key %q: %w", k.KeyID, err)
	}
	return nil
}

// PurgeKey implements [store.KeyWriter].
func (w *writer) PurgeKey(ctx context.Context, keyID string, version int64, at time.Time) error {
	result, err := w.tx.ExecContext(ctx,
		`UPDATE api_keys SET name = '', owner = NULL, key_type = '', status = 'purged', status_reason = '',
			environment = '', plan = NULL, scopes = '[]', limits = '[]', quotas = '[]', networks = '[]', hosts = '[]',
			methods = '[]', paths = '[]', labels = '{}', was_hash = key_hash, key_hash = NULL, pepper_id = '', checksum_id = '',
			limits_id = '', predecessor = NULL, successor = NULL, close_when_silent = 0, rotate_every = 0, throttle = 0, last_used_at = NULL, last_used_ip = NULL,
			updated_at = ?, status_at = ?, version = version + 1
		WHERE key_id = ? AND version = ?`, micros(at), micros(at), keyID, version)
	if err != nil {
		return fmt.Errorf("purge key %q: %w", keyID, translate(err))
	}
	if err := w.versioned(ctx, result, keyVersion, keyID); err != nil {
		return fmt.Errorf("purge key %q: %w", keyID, err)
	}
	if _, err := w.tx.ExecContext(ctx, "DELETE FROM key_networks WHERE key_id = ?", keyID); err != nil {
		return fmt.Errorf("purge key %q: networks: %w", keyID, translate(err))
	}
	return nil
}

// AnnounceKey implements [store.KeyWriter].
func (w *writer) AnnounceKey(ctx context.Context, keyID string, what store.Announcement, of time.Time) error {
	column, err := announced(what)
	if err != nil {
		return err
	}
	n, err := removed(w.tx.ExecContext(ctx,
		"UPDATE api_keys SET "+column+" = ?1 WHERE key_id = ?2 AND "+column+" IS NOT ?1", micros(of), keyID))
	if err == nil && n == 0 {
		err = store.ErrConflict
	}
	if err != nil {
		return fmt.Errorf("announce %s of key %q: %w", what, keyID, err)
	}
	return nil
}

func announced(what store.Announcement) (column string, err error) {
	switch what {
	case store.AnnounceExpiry:
		return "announced_expiry", nil
	case store.AnnounceExpiring:
		return "announced_expiring", nil
	case store.AnnounceRotation:
		return "announced_rotation", nil
	}
	return "", fmt.Errorf("announcement %q: %w", what, store.ErrInvalid)
}

// maxFindHashes bounds the candidates of one FindKey: one per pepper that is
// still valid, and one without.
const maxFindHashes = 32

// findStatements keeps the prepared statements of FindKey, one per number of
// candidate hashes; a deployment uses one or two of them.
type findStatements struct {
	mu       sync.Mutex
	prepared [maxFindHashes + 1]*sql.Stmt
}

func findQuery(hashes int) string {
	return "SELECT " + keyColumns + `, p.limits, p.quotas, o.limits, o.quotas
	FROM api_keys AS k
	LEFT JOIN plans AS p ON p.namespace = k.namespace AND p.name = k.plan
	LEFT JOIN owners AS o ON o.namespace = k.namespace AND o.name = k.owner
	WHERE k.key_hash IN (?` + strings.Repeat(", ?", hashes-1) + ") LIMIT 1"
}

func (f *findStatements) get(ctx context.Context, pool *sql.DB, hashes int) (*sql.Stmt, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.prepared[hashes] == nil {
		stmt, err := pool.PrepareContext(ctx, findQuery(hashes)) //nolint:sqlclosecheck // kept until the database is closed
		if err != nil {
			return nil, err
		}
		f.prepared[hashes] = stmt
	}
	return f.prepared[hashes], nil
}

func (f *findStatements) close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	var errs []error
	for i, stmt := range f.prepared {
		if stmt != nil {
			errs = append(errs, stmt.Close())
			f.prepared[i] = nil
		}
	}
	return errors.Join(errs...)
}

// FindKey implements [store.KeyFinder].
func (db *DB) FindKey(ctx context.Context, hashes []credential.Hash) (store.KeyRecord, error) {
	if len(hashes) == 0 {
		return store.KeyRecord{}, fmt.Errorf("find key: %w", store.ErrNotFound)
	}
	if len(hashes) > maxFindHashes {
		return store.KeyRecord{}, fmt.Errorf("find key: %w: %d candidate hashes, at most %d", store.ErrInvalid, len(hashes), maxFindHashes)
	}
	stmt, err := db.find.get(ctx, db.read, len(hashes)) //nolint:sqlclosecheck // kept until the database is closed
	if err != nil {
		return store.KeyRecord{}, fmt.Errorf("find key: %w", translate(err))
	}
	args := make([]any, len(hashes))
	for i := range hashes {
		args[i] = hashes[i][:]
	}
	var k store.KeyRecord
	destinations := append(keyDestinations(&k.Key),
		items[limit.Limit]{&k.PlanLimits}, items[limit.Quota]{&k.PlanQuotas},
		items[limit.Limit]{&k.OwnerLimits}, items[limit.Quota]{&k.OwnerQuotas})
	if err := stmt.QueryRowContext(ctx, args...).Scan(destinations...); err != nil {
		return store.KeyRecord{}, fmt.Errorf("find key: %w", translate(err))
	}
	return k, nil
}

// KeySecrets implements [store.KeySecretReader].
func (r reader) KeySecrets(ctx context.Context) ([]store.KeySecret, error) {
	found, err := listRows(ctx, r.q, "SELECT DISTINCT checksum_id, pepper_id FROM api_keys WHERE status NOT IN ('revoked', 'purged')", nil,
		func(r row, k *store.KeySecret) error { return r.Scan(&k.ChecksumID, &k.PepperID) })
	if err != nil {
		return nil, fmt.Errorf("secrets of the keys: %w", err)
	}
	return found, nil
}
