// Package prefetch has a processor fetch memory that will soon be read.
//
// With very many keys, what a Check costs is mostly waiting for memory: its
// key is in no cache of the processor, and neither is what the key points to.
// One after the other, such places take some 100 ns each. A processor can
// fetch a dozen at the same time, if somebody names them early enough: a
// transport that has several Checks at hand names the places of all of them,
// level by level, before it begins with the first (extauthz.Server.checksAhead).
//
// Naming a place reads nothing, changes nothing and never faults, whatever the
// pointer is; it is a hint, and no synchronisation of any kind. On processors
// other than amd64 and arm64 nothing happens.
package prefetch
