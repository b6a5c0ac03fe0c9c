package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"credence/store"
	"credence/store/credential"
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
		&k.Scopes, &k.Limits, &k.Quotas, &k.Networks, &k.Hosts, &k.Methods, &k.Paths, &k.Labels,
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

// tidyKey makes what is empty nothing.
func tidyKey(k *store.Key) {
	noneIsNil(&k.Scopes, &k.Hosts, &k.Methods, &k.Paths)
	noneIsNil(&k.Limits)
	noneIsNil(&k.Quotas)
	noneIsNil(&k.Networks)
	if len(k.Labels) == 0 {
		k.Labels = nil
	}
}

// shownColumns are those that a reader of keys answers.
const shownColumns = keyColumns + ", k.predecessor, k.successor, k.rotated_at, k.close_when_silent, k.rotate_every, k.last_used_at, k.last_used_ip"

func scanKey(r row, k *store.Key) error {
	err := r.Scan(append(keyDestinations(k), optionalText{&k.Predecessor}, optionalText{&k.Successor}, instant{&k.RotatedAt},
		&k.CloseWhenSilent, &k.RotateEvery, instant{&k.LastUsedAt}, address{&k.LastUsedIP})...)
	tidyKey(k)
	return err
}

// Key implements [store.KeyReader].
func (r reader) Key(ctx context.Context, keyID string) (store.Key, error) {
	var k store.Key
	err := r.q.row(ctx, "SELECT "+shownColumns+" FROM credence.api_keys AS k WHERE k.key_id = $1", []any{keyID},
		func(r row) error { return scanKey(r, &k) })
	if err != nil {
		return store.Key{}, fmt.Errorf("key %q: %w", keyID, err)
	}
	return k, nil
}

// Keys implements [store.KeyReader].
func (r reader) Keys(ctx context.Context, filter store.KeyFilter, page store.Page) ([]store.Key, store.Cursor, error) {
	c := keyConditions(&filter)
	if page.After != "" {
		c.add("k.key_id < " + c.arg(string(page.After)))
	}
	query := c.query("SELECT "+shownColumns+" FROM credence.api_keys AS k", "k.key_id DESC", page.Size()+1)
	found, err := listRows(ctx, r.q, query, c.args, scanKey)
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
	if err := r.q.value(ctx, "SELECT count(*) FROM credence.api_keys AS k"+c.where(), c.args, &n); err != nil {
		return 0, fmt.Errorf("count keys: %w", err)
	}
	return n, nil
}

// KeysByHash implements [store.KeyHashReader].
func (r reader) KeysByHash(ctx context.Context, hashes []credential.Hash) ([]store.Key, error) {
	if len(hashes) == 0 {
		return nil, nil
	}
	found, err := listRows(ctx, r.q, "SELECT "+shownColumns+" FROM credence.api_keys AS k WHERE k.key_hash = ANY ($1)",
		[]any{hashBytes(hashes)}, scanKey)
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
	found, err := listRows(ctx, r.q, "SELECT key_id, namespace, was_hash FROM credence.api_keys WHERE was_hash = ANY ($1)",
		[]any{hashBytes(hashes)}, func(row row, k *store.PurgedKey) error {
			return row.Scan(&k.KeyID, &k.Namespace, hash{(*[32]byte)(&k.Hash)})
		})
	if err != nil {
		return nil, fmt.Errorf("purged keys by hash: %w", err)
	}
	return found, nil
}

func hashBytes(hashes []credential.Hash) [][]byte {
	out := make([][]byte, len(hashes))
	for i := range hashes {
		out[i] = hashes[i][:]
	}
	return out
}

func keyConditions(f *store.KeyFilter) *conditions {
	var c conditions
	c.anyOf("k.namespace", f.Namespaces)
	if f.Owner != "" {
		c.add("k.owner = " + c.arg(f.Owner))
	}
	if f.Plan != "" {
		c.add("k.plan = " + c.arg(f.Plan))
	}
	if f.KeyType != "" {
		c.add("k.key_type = " + c.arg(string(f.KeyType)))
	}
	if len(f.Statuses) > 0 {
		c.anyOf("k.status", statusTexts(f.Statuses))
	}
	if f.Status != "" {
		c.add("k.status = " + c.arg(string(f.Status)))
	} else {
		c.add("k.status <> 'purged'")
	}
	if f.NamePrefix != "" {
		// Not LIKE, which has characters of its own.
		c.add("starts_with(k.name, " + c.arg(f.NamePrefix) + ")")
	}
	if f.NameContains != "" {
		// The collation "C" lowers ASCII only, as SQLite does.
		c.add(`strpos(lower(k.name COLLATE "C"), lower(` + c.arg(f.NameContains) + `::text COLLATE "C")) > 0`)
	}
	if f.Scope != "" {
		c.add(c.arg(f.Scope) + " = ANY (k.scopes)")
	}
	if f.Label[0] != "" {
		c.add("k.labels ->> " + c.arg(f.Label[0]) + " = " + c.arg(f.Label[1]))
	}
	if !f.ExpiresBy.IsZero() {
		c.add("k.expires_at < " + c.arg(timeOrNull(f.ExpiresBy)))
	}
	if !f.ExpiredAt.IsZero() {
		c.add("k.expires_at <= " + c.arg(timeOrNull(f.ExpiredAt)))
	}
	if !f.UnexpiredAt.IsZero() {
		c.add("(k.expires_at IS NULL OR k.expires_at > " + c.arg(timeOrNull(f.UnexpiredAt)) + ")")
	}
	if !f.UnusedSince.IsZero() {
		c.add("coalesce(k.last_used_at, k.created_at) < " + c.arg(timeOrNull(f.UnusedSince)))
	}
	if !f.InGraceAt.IsZero() {
		c.add("k.successor IS NOT NULL AND k.grace_ends_at > " + c.arg(timeOrNull(f.InGraceAt)))
	}
	dueConditions(&c, f)
	return &c
}

// keyPolicy is a column of the policy that a key has: its namespace's own, or
// that of all.
func keyPolicy(column string) string {
	return "(SELECT p." + column + ` FROM credence.key_policies AS p WHERE p.key_type = k.key_type
		AND (p.namespace = k.namespace OR p.namespace IS NULL) ORDER BY p.namespace NULLS LAST LIMIT 1)`
}

// dueConditions are those that periodic jobs look by.
func dueConditions(c *conditions, f *store.KeyFilter) {
	if !f.GraceEndedAt.IsZero() {
		c.add("k.successor IS NOT NULL AND k.grace_ends_at <= " + c.arg(timeOrNull(f.GraceEndedAt)))
	}
	if !f.StatusBefore.IsZero() {
		c.add("k.status_at < " + c.arg(timeOrNull(f.StatusBefore)))
	}
	every := "CASE WHEN k.rotate_every > interval '0' THEN k.rotate_every ELSE " + keyPolicy("rotate_every") + " END"
	if !f.RotationDueAt.IsZero() {
		c.add("k.successor IS NULL AND " + every + " > interval '0' AND k.created_at + " + every + " - " + keyPolicy("warn_before") +
			" <= " + c.arg(timeOrNull(f.RotationDueAt)))
	}
	switch f.Unannounced {
	case store.AnnounceExpiry:
		c.add("k.expires_at IS NOT NULL AND k.announced_expiry IS DISTINCT FROM k.expires_at")
	case store.AnnounceExpiring:
		c.add("k.announced_expiring IS DISTINCT FROM k.expires_at AND k.expires_at - k.created_at > " + c.arg(store.ExpiringAhead))
	case store.AnnounceRotation:
		c.add("k.announced_rotation IS DISTINCT FROM k.created_at + " + every)
	}
}

const insertKey = `INSERT INTO credence.api_keys (name, owner, key_type, status, status_reason, environment, plan,
		scopes, limits, quotas, networks, hosts, methods, paths, labels,
		not_before, expires_at, updated_at, status_at, grace_ends_at, successor, rotated_at, close_when_silent, rotate_every, throttle,
		key_id, namespace, key_hash, pepper_id, checksum_id, created_at, version, limits_id, predecessor)
	VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19,
		$20, $21, $22, $23, $24, $25, $26, $27, $28, $29, $30, $31, $32, $33, $34)`

func insertKeyArgs(k *store.Key) []any {
	return append(keyChanging(k), k.KeyID, k.Namespace, k.Hash[:], k.PepperID, k.ChecksumID, timeOrNull(k.CreatedAt), k.Version,
		k.LimitsID, textOrNull(k.Predecessor))
}

// InsertKey implements [store.KeyWriter].
func (w *writer) InsertKey(ctx context.Context, k store.Key) error {
	if _, err := w.q.exec(ctx, insertKey, insertKeyArgs(&k)...); err != nil {
		return fmt.Errorf("insert key %q: %w", k.KeyID, err)
	}
	return nil
}

// InsertKeys implements [store.KeyWriter].
func (w *writer) InsertKeys(ctx context.Context, keys []store.Key) error {
	rows := make([][]any, len(keys))
	for i := range keys {
		rows[i] = insertKeyArgs(&keys[i])
	}
	if err := w.batch(ctx, statements{insertKey, rows}); err != nil {
		return fmt.Errorf("insert %d keys: %w", len(keys), err)
	}
	return nil
}

// keyChanging is the columns that UpdateKey may change, in the order of both
// statements.
func keyChanging(k *store.Key) []any {
	return []any{
		k.Name, textOrNull(k.Owner), string(k.KeyType), string(k.Status), k.StatusReason, k.Environment, textOrNull(k.Plan),
		list(k.Scopes), list(k.Limits), list(k.Quotas), list(k.Networks), list(k.Hosts), list(k.Methods), list(k.Paths),
		object(k.Labels), timeOrNull(k.NotBefore), timeOrNull(k.ExpiresAt), timeOrNull(k.UpdatedAt), timeOrNull(k.StatusAt),
		timeOrNull(k.GraceEndsAt), textOrNull(k.Successor), timeOrNull(k.RotatedAt), k.CloseWhenSilent, k.RotateEvery, k.Throttle,
	}
}

const keyVersion = "SELECT version FROM credence.api_keys WHERE key_id = $1"

// UpdateKey implements [store.KeyWriter].
func (w *writer) UpdateKey(ctx context.Context, k store.Key) error {
	changed, err := w.q.exec(ctx,
		`UPDATE credence.api_keys SET name = $1, owner = $2, key_type = $3, status = $4, status_reason = $5, environment = $6,
			plan = $7, scopes = $8, limits = $9, quotas = $10, networks = $11, hosts = $12, methods = $13, paths = $14,
			labels = $15, not_before = $16, expires_at = $17, updated_at = $18, status_at = $19,
			grace_ends_at = $20, successor = $21, rotated_at = $22, close_when_silent = $23, rotate_every = $24, throttle = $25, version = version + 1
		WHERE key_id = $26 AND version = $27`, append(keyChanging(&k), k.KeyID, k.Version)...)
	if err := w.versioned(ctx, changed, err, keyVersion, k.KeyID); err != nil {
		return fmt.Errorf("update key %q: %w", k.KeyID, err)
	}
	return nil
}

// PurgeKey implements [store.KeyWriter].
func (w *writer) PurgeKey(ctx context.Context, keyID string, version int64, at time.Time) error {
	changed, err := w.q.exec(ctx,
		`UPDATE credence.api_keys SET name = '', owner = NULL, key_type = '', status = 'purged', status_reason = '',
			environment = '', plan = NULL, scopes = '{}', limits = '[]', quotas = '[]', networks = '{}', hosts = '{}',
			methods = '{}', paths = '{}', labels = '{}', was_hash = key_hash, key_hash = NULL, pepper_id = '', checksum_id = '',
			limits_id = '', predecessor = NULL, successor = NULL, close_when_silent = '0', rotate_every = '0', throttle = 0, last_used_at = NULL, last_used_ip = NULL,
			updated_at = $1, status_at = $1, version = version + 1
		WHERE key_id = $2 AND version = $3`, timeOrNull(at), keyID, version)
	if err := w.versioned(ctx, changed, err, keyVersion, keyID); err != nil {
		return fmt.Errorf("purge key %q: %w", keyID, err)
	}
	if _, err := w.q.exec(ctx, "DELETE FROM credence.key_networks WHERE key_id = $1", keyID); err != nil {
		return fmt.Errorf("purge key %q: networks: %w", keyID, err)
	}
	return nil
}

// AnnounceKey implements [store.KeyWriter].
func (w *writer) AnnounceKey(ctx context.Context, keyID string, what store.Announcement, of time.Time) error {
	column, err := announced(what)
	if err != nil {
		return err
	}
	n, err := w.q.exec(ctx,
		"UPDATE credence.api_keys SET "+column+" = $1 WHERE key_id = $2 AND "+column+" IS DISTINCT FROM $1", timeOrNull(of), keyID)
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

const findQuery = "SELECT " + keyColumns + `, p.limits, p.quotas, o.limits, o.quotas
	FROM credence.api_keys AS k
	LEFT JOIN credence.plans AS p ON p.namespace = k.namespace AND p.name = k.plan
	LEFT JOIN credence.owners AS o ON o.namespace = k.namespace AND o.name = k.owner
	WHERE k.key_hash = ANY ($1) LIMIT 1`

// FindKey implements [store.KeyFinder].
func (db *DB) FindKey(ctx context.Context, hashes []credential.Hash) (store.KeyRecord, error) {
	if len(hashes) == 0 {
		return store.KeyRecord{}, fmt.Errorf("find key: %w", store.ErrNotFound)
	}
	if len(hashes) > maxFindHashes {
		return store.KeyRecord{}, fmt.Errorf("find key: %w: %d candidate hashes, at most %d", store.ErrInvalid, len(hashes), maxFindHashes)
	}
	candidates := hashBytes(hashes)
	var k store.KeyRecord
	destinations := append(keyDestinations(&k.Key), &k.PlanLimits, &k.PlanQuotas, &k.OwnerLimits, &k.OwnerQuotas)
	if err := db.find(ctx, candidates, destinations); err != nil {
		return store.KeyRecord{}, fmt.Errorf("find key: %w", err)
	}
	tidyKey(&k.Key)
	noneIsNil(&k.PlanLimits, &k.OwnerLimits)
	noneIsNil(&k.PlanQuotas, &k.OwnerQuotas)
	return k, nil
}

// keepsSession is what a connection of the pool is marked with when the server
// itself is at its other end, and no pooler.
const keepsSession = "keeps session"

// find runs findQuery. Planning it takes several times as long as running it,
// so a connection that keeps its session prepares it once.
func (db *DB) find(ctx context.Context, candidates [][]byte, destinations []any) error {
	bounded, cancel := context.WithTimeout(ctx, db.q.timeout)
	defer cancel()
	conn, err := db.pool.Acquire(bounded)
	if err != nil {
		return translate(ctx, err)
	}
	defer conn.Release()
	mode := pgx.QueryExecModeCacheDescribe
	if conn.Conn().PgConn().CustomData()[keepsSession] == true {
		mode = pgx.QueryExecModeCacheStatement
	}
	return querier{on: conn, timeout: db.q.timeout}.value(ctx, findQuery, []any{mode, candidates}, destinations...)
}

// KeySecrets implements [store.KeySecretReader].
func (r reader) KeySecrets(ctx context.Context) ([]store.KeySecret, error) {
	found, err := listRows(ctx, r.q, "SELECT DISTINCT checksum_id, pepper_id FROM credence.api_keys WHERE status NOT IN ('revoked', 'purged')", nil,
		func(r row, k *store.KeySecret) error { return r.Scan(&k.ChecksumID, &k.PepperID) })
	if err != nil {
		return nil, fmt.Errorf("secrets of the keys: %w", err)
	}
	return found, nil
}
