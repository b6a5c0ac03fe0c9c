// Package event is the catalogue of what Credence tells others: each type of
// event with the version of its schema, when it is sent, and an example.
//
// catalogue.go is the one place where a type comes into being. The page
// docs/events.md and the schemas in docs/events.schema.json are made from it
// (go generate ./management/event), and a test holds them against it. A type
// stands in the catalogue only when something sends it.
//
// # To add a type
//
// A constant and a row in catalogue.go, a struct for its data here, and a call
// of emit in the use-case that changes the thing. A field is added without a
// new version; a field that goes or changes its meaning raises the version of
// its type.
//
// # What is promised
//
// Data names things and says what happened to them. It never holds key text, a
// hash or another secret: a struct of this package has no place for one.
//
// # Who may import it
//
// The use-cases and the API. It imports nothing of this module.
package event
