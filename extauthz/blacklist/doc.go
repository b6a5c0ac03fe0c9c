// Package blacklist holds the blacklist rules as an immutable snapshot.
package blacklist
