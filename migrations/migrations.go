// Package migrations holds the schema of every backend as plain SQL, in the
// order of the files' numbers, embedded into the program. It has no code: the
// backend that owns a dialect applies its folder (sqlite/, postgres/) with
// goose.
//
// A file that has shipped is never edited; a new one follows it. Each file is
// applied in one transaction, so an interrupted migration leaves the version
// before it. A migration has to work while the previous version of the
// program still runs: add first, remove a release later. There is no way down:
// an older program refuses a newer schema, and the backup taken before the
// migration is the way back.
//
// # How values are stored in SQLite
//
// Instants are integer microseconds since 1970 UTC; NULL is the zero time.
// Lists and maps are JSON text. Hashes are 32 bytes. Addresses and networks
// are text in canonical form. An optional reference ("no plan") is NULL. All
// tables are STRICT, so a value of the wrong type is refused and not guessed.
//
// # How values are stored in PostgreSQL
//
// In the types that PostgreSQL has for them: timestamptz, inet and cidr, text
// arrays, jsonb for limits, quotas and labels, bytea for hashes. NULL is the
// zero time, and an optional reference that is not there. Everything is in a
// schema of its own, credence, and every statement says so: a search path
// would be state of the session, which a pooler does not keep. Names and ids
// have the collation "C": their order is the one of SQLite and of Go, and no
// update of the operating system's locales can break an index on them.
//
// # River's tables
//
// River's own tables (river_...) are not here: River brings its migrations
// with it, and the backends apply both.
package migrations

import "embed"

// SQLite is the schema for SQLite, under the folder "sqlite".
//
//go:embed sqlite/*.sql
var SQLite embed.FS

// Postgres is the schema for PostgreSQL, under the folder "postgres".
//
//go:embed postgres/*.sql
var Postgres embed.FS

// PostgresDataRole makes the role credence_data on PostgreSQL and says what it
// may do. It is no migration: it is applied whenever migrations are, and
// changes nothing the second time.
//
//go:embed postgres_data_role.sql
var PostgresDataRole string
