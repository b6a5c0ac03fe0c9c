// Package contract holds the management API to its own OpenAPI document. All of
// it is tests.
//
// They read docs/openapi.json and know nothing of the code behind it: from the
// schemas they draw requests, right ones and broken ones, send thousands of
// them to a real server (one process on SQLite; a control plane and a data
// plane on PostgreSQL) and judge every answer. What was answered is remembered,
// so that ids, cursors and entity tags of objects that exist come back in later
// requests, also where they do not belong.
//
// What must hold of every answer is a list in judge_test.go. In short: it
// comes within its time, with a status, media type, body and code that the
// document has for that operation; it is no fault of the server (5xx; the one
// exception is said there); it shows no secret and nothing of the program's
// inside; and nobody gets what the role or the namespaces of the token do not
// allow.
//
// A run is the same requests each time (seed 1). More and others:
//
//	go test ./test/contract -rapid.checks 10000 -rapid.seed 0
//	make fuzz                                  # FuzzContract is one of its targets
//
// A failure prints the request, the answer and the promise that is broken.
package contract
