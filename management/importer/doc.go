// Package importer reads the files in which keys are kept elsewhere, and
// answers them one by one as the management API takes them. It knows the files
// and nothing of a server; the CLI sends what it reads.
//
// Each format is a file of this package and a parser of its own:
//
//	csv             a header line of field names, one key a line
//	jsonl           one JSON object a line, with the fields of the API
//	list            one key text or digest a line
//	envoy-gateway   Kubernetes Secrets of Envoy Gateway's API key authentication
//	authorino       Kubernetes Secrets of Authorino and Kuadrant
//	kong            a declarative file of Kong (also a deck dump) with key-auth
//	unkey           keys as Unkey's API answers or takes them, or a dump of its table
//
// # What is promised
//
//   - A key text is digested here ([Reader.Next] answers its SHA-256 alone), so
//     it never travels, and it is in no error.
//   - What is wrong with one key is a [*LineError] with its line, field and
//     remedy; the next call goes on behind it. Keys and errors come in the order of
//     their lines. Any other error ends the file.
//   - Memory is bounded: csv, jsonl and list hold one line of at most [MaxLine]
//     bytes, however large the file; the others are read whole and refuse more
//     than [MaxFile] bytes.
//   - Nothing that narrows what a key may do is dropped in silence: what has no
//     equal here refuses the key.
package importer
