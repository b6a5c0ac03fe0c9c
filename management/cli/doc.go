// Package cli is the command line of the management API: credence keys, plans,
// owners, namespaces, replicas, blacklist and tokens. It is a client of the HTTP API and
// nothing else: it opens no database and knows no use-case.
//
// # One command, one file
//
// Files are named noun_verb like the use-cases they end in: key_create.go is
// `credence keys create`. What they share is connect.go (which server, which
// token), contexts.go (both under a name), flags.go (values as people write
// them), table.go and emit.go (output), complete.go (words for the shell) and
// exit.go (the table of exit codes).
//
// # Where the server and the token come from
//
//	server   --server > CREDENCE_SERVER > context > "api" in DATA_DIR/addresses.json
//	token    --token-file > CREDENCE_TOKEN > context > DATA_DIR/admin.token
//	context  --context > CREDENCE_CONTEXT > the current one; none once a server or data folder is named
//	DATA_DIR --data-dir > CREDENCE_DATA_DIR > ./credence-data
//
// A token found in a context or in the default folder is sent to the server
// found there and to no other: who names a server by hand also says which token
// it gets.
//
// # Output
//
// Tables for people, on standard output; hints on standard error. -o json and
// yaml print the API's objects, unchanged, csv their rows. Nothing asks on a
// terminal but revoke and delete, and only when standard input is one; what
// destroys has a dry run.
//
// # Who may import it
//
// Package main only, which also hands in the environment as plain values.
package cli
