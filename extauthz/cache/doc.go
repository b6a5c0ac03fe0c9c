// Package cache is the key cache of the data plane.
package cache
