// Package sqlite keeps everything in one SQLite file: the backend of the
// embedded deployment. It fulfils [store.Backend]; package storetest says what
// that means, and its suite runs here.
//
// # One process, one writer
//
// SQLite admits one writer at a time. Instead of meeting that limit as errors
// of the kind "database is locked", the package has one connection for
// writing, whose transactions are BEGIN IMMEDIATE, and a pool of read-only
// connections. Writers queue in Go, all of them in one [store.Queue], where the
// deployment's own go first, tenants take turns and waiting honours the context;
// readers see the last commit (WAL) and never wait for a writer.
//
// One process opens a file at a time: [Open] and [Migrate] take an advisory
// lock on PATH.lock and answer [store.ErrLocked] when another process has it.
// The lock is the operating system's, so it dies with its holder and there is
// nothing to clean up after a crash; the lock file itself stays. SQLite would
// let a second process in, but that one would miss every in-process wake-up
// and run the jobs a second time. A replica of an earlier process that ended
// without signing off is signed off by [Open]. Reading the file with the sqlite3 program
// while a process serves from it does no harm.
//
// # Durability
//
// synchronous=FULL: a commit has reached the disk when it is answered. The
// cheaper NORMAL may forget the last commits when the power fails, and a
// revocation that was answered with a receipt must not be among them. WAL
// keeps its log and its shared memory beside the file (PATH-wal, PATH-shm);
// the three belong together, and a network file system cannot hold them.
//
// # Failures
//
//   - no file, empty file, older schema: [store.ErrOldSchema]; run migrate
//   - newer schema: [store.ErrNewerSchema]; run the newer program
//   - damaged, not a database, another program's database: [store.ErrCorrupt]
//   - in use by another process: [store.ErrLocked]
//   - disk full, I/O error, file or folder not readable or writable:
//     [store.ErrUnavailable]
//   - a value the schema refuses: [store.ErrInvalid], a programming error
//
// An error of a caller's context passes through. A migration that is
// interrupted leaves the last version it completed and is taken up again by
// the next one.
//
// # Jobs
//
// River works the jobs off, in tables of its own in the same file, so that a
// job is written by the transaction of the change it belongs to. Each kind has
// a queue of its own: a process fetches only the kinds it has handlers for,
// and no kind can starve another.
package sqlite
