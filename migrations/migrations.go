// Package migrations holds the schema of every backend as plain SQL, in the
// order of the files' numbers, embedded into the program. It has no code: the
// backend that owns a dialect applies its folder (sqlite/ today; postgres/
// goes beside it) with goose.
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
// River's own tables (river_...) are not here: River brings its migrations
// with it, and store/sqlite applies both.
package migrations

import "embed"

// SQLite is the schema for SQLite, under the folder "sqlite".
//
//go:embed sqlite/*.sql
var SQLite embed.FS
