// Package pgserver starts a real PostgreSQL for tests: a cluster of its own in
// a temporary folder, on a free port and a Unix socket, gone when the test
// program is.
//
//	TestMain > Start (initdb, postgres) > each test: a fresh database >
//	Stop (fast shutdown, folder removed)
//
// One server serves all tests of a package; what keeps them apart is a
// database per test, copied from a template where many want the same schema.
// Tests that stop, restart or freeze a server start one of their own.
//
// The binaries are looked for in PATH and where Debian puts them. Without them
// a test fails with the command that installs them; nothing is skipped. With
// CREDENCE_TEST_POSTGRES_URL (a superuser's address of any database) [Shared]
// uses that server and starts none.
//
// PostgreSQL refuses to run as root, so root runs it as the user postgres. The
// server is killed when the test program dies without having stopped it (the
// kernel's parent-death signal; Linux only), and the folder that such a death
// leaves behind is removed by the next start. fsync is off: what a test writes
// does not have to survive the machine.
package pgserver
