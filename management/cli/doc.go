// Package cli is the command line of the management API: credence keys, plans,
// owners, namespaces, replicas, blacklist and tokens. It is a client of the HTTP API and
// nothing else: it opens no database and knows no use-case.
//
// # One command, one file
//
// Files are named noun_verb like the use-cases they end in: key_create.go is
// `credence keys create`. What they share is connect.go (which server, which
// token), flags.go (values as people write them), table.go (output) and
// exit.go (the table of exit codes).
//
// # Where the server and the token come from
//
//	server   --server > CREDENCE_SERVER > "api" in DATA_DIR/addresses.json
//	token    --token-file > CREDENCE_TOKEN > DATA_DIR/admin.token
//	DATA_DIR --data-dir > CREDENCE_DATA_DIR > ./credence-data
//
// A token found in the default folder is sent to the server found in the
// default folder and to no other: who names a server by hand also says which
// token it gets.
//
// # Output
//
// Tables for people, on standard output; hints on standard error. -o json
// prints the API's objects, unchanged. Nothing asks on a terminal but
// revoke and delete, and only when standard input is one.
//
// # Who may import it
//
// Package main only, which also hands in the environment as plain values.
package cli
