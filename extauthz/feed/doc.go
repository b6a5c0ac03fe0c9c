// Package feed follows the change feed of the store and keeps what a replica
// holds in memory in step with it.
package feed
