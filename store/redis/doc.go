// Package redis is what the processes of a deployment share beside their
// database: a key cache, the push of the change feed, and limits. It keeps
// nothing that cannot be lost.
package redis
