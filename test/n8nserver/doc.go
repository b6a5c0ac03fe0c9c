// Package n8nserver is an n8n for tests, in two bodies that pass the same
// suite ([Contract]):
//
//   - [Fake] answers as n8n 1.123 or 2.41 did when it was asked, the awkward
//     answers included, in this process and at once. It can be told to fail.
//   - [Real] starts the program itself, from the folder into which make
//     test-n8n has installed it.
//
// What the fake says is recorded, not read from documentation: where the real
// program is found to answer otherwise, the fake is what is wrong.
package n8nserver
