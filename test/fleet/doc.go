// Package fleet tests a deployment of several processes on PostgreSQL, with
// the real program and a real server: what operators do with it, and what
// they see when something is missing.
package fleet
