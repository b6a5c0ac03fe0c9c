// Package limittest is budgets in memory, for tests of those that draw from
// them: what package store/redis does in a script, said in Go and by a clock
// that the test moves. A test in store/redis holds the two against each other.
package limittest
