// Package limiter counts requests in the memory of one replica.
package limiter
